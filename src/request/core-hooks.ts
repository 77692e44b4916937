/**
 * What core itself does in the phases, before or after the modules: URL treatment, `DocumentRoot`, the walks, `SetHandler` and `ForceType`,
 * and the last handler.
 */
import { clientHost } from '../modules/client-host.js'
import { coreDir, coreServer } from '../modules/core/settings.js'
import type { Outcome } from '../modules/module.js'
import { answerServerOptions, answerTrace } from './core-methods.js'
import type { Request } from './request.js'
import { serveFile } from './static-file.js'
import { normalizePath } from './url-path.js'
import { walksOf } from './walk/walk.js'

/** Makes `path` of the escaped path as sent. Afterwards the sections of its URL hold, for translation alone. */
export function normalizeUrl(request: Request): Outcome | Promise<Outcome> {
  const walks = walksOf(request.server)
  if (!request.path.startsWith('/')) {
    if (request.path === '*' && request.method === 'OPTIONS') return answerServerOptions(request)
    request.report('core', 'error', `Invalid URI in request '${request.requestLine}'`, 'AH00126')
    return 400
  }
  const path = normalizePath(request.path, walks.pathRules)
  if (typeof path === 'number') {
    if (path === 400) request.report('core', 'error', `invalid URI path (${request.path})`, 'AH10244')
    else
      request.report(
        'core',
        'info',
        `found %2f (encoded '/') or %00 in URI path (${request.path}), returning 404`,
        'AH00026',
      )
    return path
  }
  request.path = path
  return walks.beforeTranslation(request)?.then(() => undefined)
}

export function translateToDocumentRoot(request: Request): Outcome {
  const root = request.server.settings.get(coreServer).documentRoot
  request.filename = root === '/' ? request.path : root + request.path
  return 'ok'
}

/** The walks; `TRACE` ends here, before anything about files or users is asked. */
export function mapToStorage(request: Request): Outcome | Promise<Outcome> {
  if (request.method === 'TRACE') return answerTrace(request)
  const refusal = walksOf(request.server).afterTranslation(request)
  if (refusal === undefined) return namedClient(request)
  if (refusal instanceof Promise) return refusal.then((late) => late ?? namedClient(request))
  const { verbatim, message } = refusal
  request.report(
    'core',
    refusal.level,
    verbatim ? message : `access to ${request.path}: ${message}`,
    refusal.code,
  )
  return refusal.status
}

/** `HostnameLookups`: the name is to be there when the request is logged, whatever becomes of it. */
function namedClient(request: Request): undefined | Promise<undefined> {
  if (request.dir.get(coreDir).hostnameLookups === 'Off' || request.main !== undefined) return undefined
  if (request.connection.remoteHost !== undefined) return undefined
  return clientHost(request.connection).then(() => undefined)
}

/** `ForceType` and `SetHandler` go over what file names said; a module's fixups may still change it. */
export function overrideType(request: Request): Outcome {
  const { handler, handlerExpression, forceType } = request.dir.get(coreDir)
  if (forceType !== undefined) request.contentType = forceType
  if (handler !== undefined) request.handler = handler
  else if (handlerExpression !== undefined) {
    const chosen = handlerExpression(request).toLowerCase()
    if (chosen !== '' && chosen !== 'none') request.handler = chosen
  }
  return undefined
}

/** Handlers that mean "a plain file": what the last handler serves. */
const PLAIN_HANDLERS: ReadonlySet<string> = new Set(['default-handler', 'httpd/unix-directory'])

/**
 * A handler that no module knows. httpd serves such files as plain text, which shows sources where a module is missing.
 */
export function refuseUnknownHandler(request: Request): Outcome {
  const { handler } = request
  if (handler === undefined || PLAIN_HANDLERS.has(handler)) return undefined
  // a media type stands here where nothing but the file's name chose it
  if (handler === request.contentType && handler.includes('/')) return undefined
  if (handler === 'server-info') {
    const instead = 'wsgi-httpd -S, -M and -D DUMP_INCLUDES show the configuration'
    request.report('core', 'notice', `There is no mod_info here: ${instead}`, 'WSGH0016')
    return 404
  }
  request.report(
    'core',
    'error',
    `No module provides the handler "${handler}" for ${request.filename}`,
    'WSGH0002',
  )
  return 500
}

export function defaultHandler(request: Request): Outcome | Promise<Outcome> {
  return serveFile(request)
}
