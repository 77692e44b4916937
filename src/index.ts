/**
 * The public API of the package, for TypeScript and JavaScript services: `mount` runs one WSGI application inside a service, `serve` a whole server
 * beside it. docs/api.md describes both.
 */
export { OptionError, RequestError, StartError } from './api/errors.js'
export type { AnyRequest, AnyResponse } from './api/http-types.js'
export {
  type MountEvents,
  type MountedApplication,
  type MountHandler,
  type MountStatus,
  mount,
  type ProcessInfo,
} from './api/mount.js'
export type { EnvironOf, ErrorHandler, LogLevel, LogRecord, MountOptions } from './api/options.js'
export { type RunningServer, type ServeOptions, type Stopped, serve } from './api/serve.js'
