/**
 * The shape of an httpd module here: one file that declares its directives as data and its hooks into the phases of a request.
 * The list of modules, in the order in which their hooks run, is `src/modules/index.ts`.
 */
import type { Directive, SectionDirective } from '../config/directive.js'
import type { ConfigWarning } from '../config/errors.js'
import type { Provided } from '../config/provider.js'
import type { SettingsKey } from '../config/settings.js'
import type { Site } from '../config/site.js'
import type { OutputFilter } from '../request/output-filter.js'
import type { Request } from '../request/request.js'

/**
 * What a hook answers.
 * - `undefined`: declined, ask the next one
 * - `'ok'`: done with this phase (for phases where every module runs: go on)
 * - `'done'`: the response has been sent
 * - a number: end the request with this status (100..599)
 */
export type Outcome = undefined | 'ok' | 'done' | number
export type Hook = (request: Request) => Outcome | Promise<Outcome>

/**
 * The phases in the order in which a request passes them, with httpd's names. `first` phases stop at the first hook that does not decline;
 * `all` phases run every hook unless one answers `'done'` or a status.
 */
export interface Hooks {
  /** all: right after the header was read and the virtual host chosen (server-level `SetEnvIf`, remote address). */
  postReadRequest?: Hook
  /** first: URL to file name. */
  translateName?: Hook
  /** all: per-directory `SetEnvIf`. */
  headerParser?: Hook
  /**
   * all: by address, method or environment (`Order/Allow/Deny`). Under `Satisfy Any` (`satisfiesAny` of access-compat.ts) a request that passes
   * is allowed without the three phases below, and one that is refused here goes on to them.
   */
  checkAccess?: Hook
  /**
   * first: `Require`, as far as it can be answered without a user. `'ok'`: allowed, nobody is asked for a password; a status: refused;
   * declined: it depends on who it is, so the next two phases run.
   */
  checkAccessEx?: Hook
  /** first: who is it. All declined: nothing here can tell, which is answered 500. */
  checkUser?: Hook
  /** first: may this user. All declined: 500. */
  checkAuth?: Hook
  /** first: media type, encoding, language, handler. */
  typeChecker?: Hook
  /** all: last changes before the handler runs. */
  fixups?: Hook
  /** first: makes the response. */
  handler?: Hook
  /** all, synchronous: edits `headersOut`/`errHeadersOut` just before they are sent (`Header`, `Expires`). */
  responseHeaders?: (request: Request) => void
  /** all, synchronous: the response is over. */
  logTransaction?: (request: Request) => void
}

export type Phase = keyof Hooks

/** The phases that lead to the response. */
export type EarlyPhase = Exclude<Phase, 'responseHeaders' | 'logTransaction'>

/** A key of any module's settings. */
export type AnyKey = Pick<SettingsKey<object>, 'slot'>

/** What a module may know of the server worker that it runs in. */
export interface WorkerFacts {
  /** A directory that all server workers may write to, and nobody else. It lasts as long as the server, restarts included. */
  readonly sharedDirectory: string
}

export interface HttpdModule {
  /** Identifier as in `LoadModule` and `<IfModule>`: `alias_module`. */
  readonly id: string
  /** Source name as in `<IfModule>`: `mod_alias.c`. */
  readonly source: string
  readonly directives: readonly (Directive | SectionDirective)[]
  /** Called in each server worker before it serves, after it has given up its privileges. */
  readonly childInit?: (worker: WorkerFacts) => void
  readonly hooks?: Hooks
  /**
   * Settings without which a hook has nothing to do: it is not called where none of them has been set. A hook that is not named here is called for
   * every request.
   */
  readonly needs?: { readonly [P in EarlyPhase]?: readonly AnyKey[] }
  /** Filters of response bodies that directives can name. */
  readonly filters?: readonly OutputFilter[]
  /** What directives of other modules may choose by name: see authn-provider.ts and authz-provider.ts. */
  readonly providers?: readonly Provided[]
  /** Looks at the finished site for what no single directive can see (unreachable aliases, missing groups). Throws ConfigError for faults. */
  readonly check?: (site: Site, warn: (warning: ConfigWarning) => void) => void
}
