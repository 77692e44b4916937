/**
 * The constant part of the environ of many requests, made once and kept: see `Place` in the channel's types.
 */
import { coreServer } from '../modules/core/settings.js'
import type { ScriptAlias, WsgiDir } from '../modules/wsgi/settings.js'
import type { Request } from '../request/request.js'
import { serverBanner } from '../request/server-tokens.js'
import type { Place } from './channel/types.js'
import { documentRootInside, insideJail } from './jail.js'
import type { Target } from './target.js'

/** Places kept for one set of per-directory settings. More come only from many script files in one directory. */
const PLACES_MAX = 256

/** Everything a place depends on besides the per-directory settings, which are the key of the outer map. */
interface Kept {
  readonly filename: string
  readonly alias: ScriptAlias | undefined
  readonly handler: string
  readonly server: Request['server']
  readonly listenerHost: string
  readonly listenerPort: number
  readonly secure: boolean
  readonly callable: string
  readonly prefix: string | undefined
  readonly jail: string | undefined
  readonly place: Place
}

const places = new WeakMap<object, Kept[]>()

/** The place of a request: the same object for equal requests. */
export function placeOf(
  request: Request,
  dir: WsgiDir,
  alias: ScriptAlias | undefined,
  handler: string,
  target: Target,
  /** `chroot` of the process group. */
  jail?: string,
): Place {
  let kept = places.get(request.dir)
  if (kept === undefined) {
    kept = []
    places.set(request.dir, kept)
  }
  const { connection } = request
  const prefix = request.contextPrefix
  for (const entry of kept) {
    if (
      entry.filename === request.filename &&
      entry.alias === alias &&
      entry.handler === handler &&
      entry.server === request.server &&
      entry.listenerPort === connection.listenerPort &&
      entry.listenerHost === connection.listenerHost &&
      entry.secure === connection.secure &&
      entry.callable === target.callable &&
      entry.prefix === prefix &&
      entry.jail === jail
    ) {
      return entry.place
    }
  }
  const place = makePlace(request, dir, handler, target, prefix, jail)
  if (kept.length >= PLACES_MAX) kept.shift()
  kept.push({
    filename: request.filename,
    alias,
    handler,
    server: request.server,
    listenerHost: connection.listenerHost,
    listenerPort: connection.listenerPort,
    secure: connection.secure,
    callable: target.callable,
    prefix,
    jail,
    place,
  })
  return place
}

function makePlace(
  request: Request,
  dir: WsgiDir,
  handler: string,
  target: Target,
  prefix: string | undefined,
  jail: string | undefined,
): Place {
  const core = request.server.settings.get(coreServer)
  const documentRoot = core.documentRootShown
  const base: Record<string, string> = {
    SERVER_SOFTWARE: serverBanner(request.server),
    GATEWAY_INTERFACE: 'CGI/1.1',
    REQUEST_SCHEME: request.connection.secure ? 'https' : (core.serverName?.scheme ?? 'http'),
    DOCUMENT_ROOT: documentRoot,
    SCRIPT_FILENAME: request.filename,
    CONTEXT_PREFIX: prefix ?? '',
    CONTEXT_DOCUMENT_ROOT: request.contextDocumentRoot ?? documentRoot,
    'mod_wsgi.request_handler': handler,
    'mod_wsgi.handler_script': target.kind === 'handler' ? target.script : '',
    'mod_wsgi.script_reloading': dir.scriptReloading ? '1' : '0',
    'mod_wsgi.input_chunked': '0',
    'mod_wsgi.listener_host': request.connection.listenerHost,
    'mod_wsgi.listener_port': String(request.connection.listenerPort),
  }
  if (dir.interfaceVersion !== '1.1') base['wsgi.version'] = dir.interfaceVersion
  if (dir.ignoreActivity) base['mod_wsgi.ignore_activity'] = '1'
  if (jail !== undefined) moveInside(base, jail)
  if (core.serverAdmin !== undefined) base.SERVER_ADMIN = core.serverAdmin
  return {
    kind: target.kind,
    script: jail === undefined ? target.script : (insideJail(target.script, jail) ?? target.script),
    callable: target.callable,
    reload: dir.scriptReloading,
    passAuthorization: target.passAuthorization,
    base,
  }
}

/** The same files by the names that they have inside the jail. */
function moveInside(base: Record<string, string>, jail: string): void {
  for (const key of ['SCRIPT_FILENAME', 'mod_wsgi.handler_script', 'CONTEXT_DOCUMENT_ROOT']) {
    const path = base[key] as string
    base[key] = insideJail(path, jail) ?? path
  }
  const documentRoot = documentRootInside(base.DOCUMENT_ROOT as string, jail)
  if (documentRoot === undefined) delete base.DOCUMENT_ROOT
  else base.DOCUMENT_ROOT = documentRoot
}
