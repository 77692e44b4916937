/**
 * The changing part of a request's environ: values for the channel's fixed keys, and what modules have set for this request.
 * Rules: mod_wsgi's environ, PEP 3333, RFC 3875 section 4.1.
 */

import { selfNameOf } from '../modules/self-url.js'
import type { WsgiDir } from '../modules/wsgi/settings.js'
import type { Request } from '../request/request.js'
import { SignatureTable } from './channel/signatures.js'
import { type Exchange, FIXED_KEYS } from './channel/types.js'
import { believeProxy, overUnixSocket } from './trusted-proxy.js'

/** Every run of slashes becomes one. */
export function collapseSlashes(path: string): string {
  return path.includes('//') ? path.replace(/\/{2,}/g, '/') : path
}

/**
 * SCRIPT_NAME: the URL path without what it has in common with the end of the path info, which is more than that where the file's name was given with
 * a path behind it (`WSGIScriptAlias / /srv/app.wsgi/site/`). Empty for a mount at `/`.
 */
export function scriptNameOf({ path, pathInfo, keepsSlashes }: Request): string {
  if (keepsSlashes) return path.slice(0, path.length - pathInfo.length)
  if (path.endsWith(pathInfo)) return collapseSlashes(path.slice(0, path.length - pathInfo.length))
  let common = 0
  while (common < path.length && path.at(-1 - common) === pathInfo.at(-1 - common)) common++
  const end = path.indexOf('/', path.length - common)
  return collapseSlashes(end < 0 ? path : path.slice(0, end))
}

/** What of an environ comes with each request. */
export interface RequestEnviron {
  /** Values of the channel's FIXED_KEYS in their order, joined by NUL. */
  readonly fixed: string
  /** Header names and values in turn. */
  readonly rawHeaders: readonly string[]
  /** More keys and values in turn. */
  readonly extra: readonly string[] | undefined
}

/** @param method as the application is to see it. */
export function requestEnviron(
  request: Request,
  { proxyHeaders, proxies }: WsgiDir,
  method: string,
  scriptName: string,
): RequestEnviron {
  const extra = extraValues(request)
  const rawHeaders = request.headersIn.forApplications
  if (proxyHeaders === undefined)
    return { fixed: fixedValues(request, method, scriptName), rawHeaders, extra }
  const isProxy =
    proxies &&
    ((address: string) =>
      address === '' ? proxies.includes(overUnixSocket) : proxies.some((includes) => includes(address)))
  const facts = believeProxy({ headers: proxyHeaders, isProxy }, rawHeaders, request.connection.remoteAddress)
  const mount = facts.mountPoint
  return {
    fixed: fixedValues(request, method, scriptName, facts),
    rawHeaders: facts.rawHeaders,
    // Beside the values: `mod_wsgi.script_name` goes on showing what SCRIPT_NAME would have been.
    extra:
      mount === undefined ? extra : [...(extra ?? []), 'SCRIPT_NAME', mount, 'mod_wsgi.mount_point', mount],
  }
}

/** All texts of a request's environ by their names, as far as this side knows them. */
export function environVariables(
  {
    place,
    applicationGroup,
    fixed,
    rawHeaders,
    extra = [],
  }: Exchange & { readonly applicationGroup: string },
  processGroup: string,
): Map<string, string> {
  const found = new Map(Object.entries(place.base))
    .set('mod_wsgi.process_group', processGroup)
    .set('mod_wsgi.application_group', applicationGroup)
    .set('mod_wsgi.callable_object', place.callable)
  for (const [at, value] of fixed.split('\0').entries()) found.set(FIXED_KEYS[at] as string, value)
  const { keys, values } = new SignatureTable().map(rawHeaders, place.passAuthorization)
  for (const [at, key] of keys.entries()) found.set(key, values[at] as string)
  for (let at = 0; at < extra.length; at += 2) found.set(extra[at] as string, extra[at + 1] as string)
  return found
}

/** What may stand in the environ in place of what the connection and the configuration say. */
interface Believed {
  readonly remoteAddress?: string | undefined
  readonly serverName?: string | undefined
  readonly serverPort?: string | undefined
  readonly scheme?: string | undefined
}

/** Values of the channel's FIXED_KEYS in their order, joined by NUL. */
export function fixedValues(request: Request, method: string, scriptName: string, proxy?: Believed): string {
  const common = proxy === undefined ? commonOf(request) : makeCommon(request, urlScheme(request), proxy)
  const pathInfo = request.keepsSlashes ? request.pathInfo : collapseSlashes(request.pathInfo)
  return `${method}\0${scriptName}\0${pathInfo}\0${request.query ?? ''}\0${
    request.original.target
  }${common}${request.id}\0${request.connection.id}`
}

/** The values in the middle, which the requests of a connection have in common as long as they ask for the same host. */
interface Common {
  readonly dir: Request['dir']
  readonly server: Request['server']
  readonly protocol: string
  readonly hostname: string
  readonly hostPort: number
  readonly scheme: string
  readonly text: string
}

/** They come with every request, and joining them anew costs as much as the rest of its frame. */
function commonOf(request: Request): string {
  const { connection, dir, server, protocol, hostname, hostPort } = request
  const scheme = urlScheme(request)
  const kept = connection.environ as Common | undefined
  if (
    kept !== undefined &&
    kept.hostname === hostname &&
    kept.hostPort === hostPort &&
    kept.dir === dir &&
    kept.server === server &&
    kept.protocol === protocol &&
    kept.scheme === scheme
  )
    return kept.text
  const text = makeCommon(request, scheme, {})
  connection.environ = { dir, server, protocol, hostname, hostPort, scheme, text } satisfies Common
  return text
}

function makeCommon(request: Request, scheme: string, proxy: Believed): string {
  const { connection } = request
  const self = selfNameOf(request)
  const serverName = proxy.serverName ?? self.host
  const remoteAddress = proxy.remoteAddress ?? connection.remoteAddress
  return `\0${request.protocol}\0${serverName}\0${proxy.serverPort ?? self.port}\0${connection.localAddress}\0${
    remoteAddress
  }\0${connection.remotePort}\0${proxy.scheme ?? scheme}\0`
}

/** `https` on TLS, or where a proxy's front says so through `SetEnv HTTPS on`. */
function urlScheme(request: Request): string {
  if (request.connection.secure) return 'https'
  const flag = request.hasEnv ? request.env.get('HTTPS') : undefined
  return flag !== undefined && (flag === '1' || flag.toLowerCase() === 'on') ? 'https' : 'http'
}

/**
 * Keys and values in turn that this request alone has: variables of `SetEnv` and its kin, the user, what an internal redirect left.
 * Undefined when there are none, which is the common case.
 */
function extraValues(request: Request): string[] | undefined {
  const chunked = request.headersIn.has('Transfer-Encoding')
  const { remoteHost } = request.connection
  if (!request.hasEnv && request.user === undefined && remoteHost === undefined && !chunked) return undefined
  const extra: string[] = []
  if (request.hasEnv) {
    for (const [name, value] of request.env) {
      if (!isServers(name, request)) extra.push(wsgiText(name), wsgiText(value))
    }
  }
  if (request.user !== undefined) extra.push('REMOTE_USER', wsgiText(request.user))
  else if (request.prev !== undefined) pushEarlierUser(request.prev, extra)
  if (request.authType !== undefined) extra.push('AUTH_TYPE', request.authType)
  if (remoteHost !== undefined) extra.push('REMOTE_HOST', wsgiText(remoteHost))
  if (chunked) extra.push('mod_wsgi.input_chunked', '1')
  return extra
}

/**
 * Names that the server itself gives values to, whatever `SetEnv`, `SetEnvIf` or a rewriting rule has set before: httpd does it when the handler runs, and an
 * application must be able to believe that the client's address is no text of the client's. Of TLS it learns through wsgi.url_scheme (mod_wsgi 6).
 */
const OF_SERVER: ReadonlySet<string> = new Set([
  ...FIXED_KEYS,
  'CONTEXT_DOCUMENT_ROOT',
  'CONTEXT_PREFIX',
  'DOCUMENT_ROOT',
  'GATEWAY_INTERFACE',
  'HTTPS',
  'PATH',
  'REQUEST_SCHEME',
  'SCRIPT_FILENAME',
  'SERVER_SOFTWARE',
])

/** Fields that applications are not given as they are: what a variable says in their place is theirs (`SetEnvIf Authorization "(.+)" HTTP_AUTHORIZATION=$1`). */
const WITHHELD: ReadonlySet<string> = new Set([
  'HTTP_AUTHORIZATION',
  'HTTP_PROXY',
  'HTTP_PROXY_AUTHORIZATION',
])

function isAlwaysServers(name: string): boolean {
  return OF_SERVER.has(name) || name.startsWith('mod_wsgi.') || name.startsWith('wsgi.')
}

/** Whether a name is the server's, or a header's, in whatever request. */
export function isOfServer(name: string): boolean {
  return (
    isAlwaysServers(name) || name.startsWith('HTTP_') || name === 'CONTENT_LENGTH' || name === 'CONTENT_TYPE'
  )
}

/** Whether the value of a name is the server's: of a header's name where the client has sent that header. */
function isServers(name: string, { headersIn }: Request): boolean {
  if (isAlwaysServers(name)) return true
  if (name.startsWith('HTTP_'))
    return !WITHHELD.has(name) && headersIn.has(name.slice(5).replaceAll('_', '-'))
  if (name === 'CONTENT_LENGTH' || name === 'CONTENT_TYPE') return headersIn.has(name.replace('_', '-'))
  return false
}

/** Who was known before an internal redirect to a place that asks nobody. */
function pushEarlierUser(from: Request, extra: string[]): void {
  for (let at: Request | undefined = from; at !== undefined; at = at.prev) {
    if (at.user === undefined || at.status === 401) continue
    extra.push('REDIRECT_REMOTE_USER', wsgiText(at.user))
    return
  }
}

const NOT_BINARY = /[^\u0001-\u00ff]/

/** Values that do not come from the wire (configuration files, a service's code) may hold any character: as WSGI text they are bytes in disguise, without NUL. */
export function wsgiText(text: string): string {
  return NOT_BINARY.test(text) ? Buffer.from(text.replaceAll('\0', ''), 'utf8').toString('latin1') : text
}
