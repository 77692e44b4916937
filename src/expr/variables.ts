/**
 * The variables of expressions: `%{NAME}`. Names are looked up without case when the configuration is read; one that does not exist is an
 * error then.
 * Manual: https://httpd.apache.org/docs/2.4/expr.html#vars
 */
import { readFileSync } from 'node:fs'
import { clientHost } from '../modules/client-host.js'
import { coreDir, coreServer } from '../modules/core/settings.js'
import { selfNameOf } from '../modules/self-url.js'
import type { Request } from '../request/request.js'
import { serverBanner } from '../request/server-tokens.js'
import { awaited, type TextOf } from './evaluation.js'
import { requestHeader } from './headers.js'

const two = (value: number): string => String(value).padStart(2, '0')

/** Local time, as all `TIME…` variables have it. */
function compactTime(date: Date): string {
  return (
    String(date.getFullYear()).padStart(4, '0') +
    two(date.getMonth() + 1) +
    two(date.getDate()) +
    two(date.getHours()) +
    two(date.getMinutes()) +
    two(date.getSeconds())
  )
}

/** A client's confirmed name where it is known already or names are looked up, else its address. */
function remoteHost(request: Request): string {
  const { remoteAddress, remoteHost: known } = request.connection
  if (known !== undefined) return known
  if (request.dir.get(coreDir).hostnameLookups === 'Off') return remoteAddress
  return awaited(request, 'REMOTE_HOST', () =>
    clientHost(request.connection).then((name) => name ?? remoteAddress),
  )
}

/** The name of an account in `/etc/passwd` or `/etc/group`, else its number. */
function accountName(file: string, id: number | undefined): string {
  if (id === undefined) return ''
  try {
    for (const line of readFileSync(file, 'latin1').split('\n')) {
      const [name = '', , number] = line.split(':')
      if (number === String(id)) return name
    }
  } catch {
    // without the file there are numbers only
  }
  return String(id)
}

/** Names that need nothing but the request. */
export const REQUEST_VARIABLES: Readonly<Record<string, (request: Request) => string | undefined>> = {
  API_VERSION: () => '20120211:0',
  AUTH_TYPE: ({ authType }) => authType,
  CONN_LOG_ID: ({ connection }) => connection.id,
  CONN_REMOTE_ADDR: ({ connection }) => connection.peerAddress ?? connection.remoteAddress,
  // what a handler has said in the header, error pages included, goes over what the file's name says
  CONTENT_TYPE: ({ contentType, headersOut }) => headersOut.get('Content-Type') ?? contentType,
  CONTEXT_DOCUMENT_ROOT: (request) =>
    request.contextDocumentRoot ?? request.server.settings.get(coreServer).documentRootShown,
  CONTEXT_PREFIX: ({ contextPrefix }) => contextPrefix,
  DOCUMENT_ROOT: ({ server }) => server.settings.get(coreServer).documentRootShown,
  DOCUMENT_URI: ({ path }) => path,
  HANDLER: ({ handler }) => handler,
  HTTP2: ({ protocol }) => (protocol.startsWith('HTTP/2') ? 'on' : 'off'),
  HTTPS: ({ connection }) => (connection.secure ? 'on' : 'off'),
  IPV6: ({ connection }) =>
    connection.remoteAddress.includes(':') && !connection.remoteAddress.startsWith('::ffff:') ? 'on' : 'off',
  IS_SUBREQ: ({ main }) => (main === undefined ? 'false' : 'true'),
  LAST_MODIFIED: ({ finfo }) => (finfo === undefined ? '' : compactTime(finfo.mtime)),
  PATH_INFO: ({ pathInfo }) => pathInfo,
  QUERY_STRING: ({ query }) => query,
  REMOTE_ADDR: ({ connection }) => connection.remoteAddress,
  REMOTE_HOST: remoteHost,
  REMOTE_IDENT: () => '',
  REMOTE_PORT: ({ connection }) => String(connection.remotePort),
  REMOTE_USER: ({ user }) => user,
  REQUEST_FILENAME: ({ filename }) => filename,
  REQUEST_LOG_ID: (request) => request.idIfAny,
  REQUEST_METHOD: ({ method }) => method,
  REQUEST_SCHEME: (request) => selfNameOf(request).scheme,
  REQUEST_STATUS: ({ status }) => (status > 0 ? String(status) : ''),
  REQUEST_URI: ({ path }) => path,
  SCRIPT_FILENAME: ({ filename }) => filename,
  SCRIPT_GROUP: ({ finfo }) => accountName('/etc/group', finfo?.gid),
  SCRIPT_USER: ({ finfo }) => accountName('/etc/passwd', finfo?.uid),
  SERVER_ADMIN: ({ server }) => server.settings.get(coreServer).serverAdmin,
  SERVER_NAME: (request) => selfNameOf(request).host,
  SERVER_PORT: (request) => String(selfNameOf(request).port),
  SERVER_PROTOCOL: ({ protocol }) => protocol,
  SERVER_SOFTWARE: ({ server }) => serverBanner(server),
  THE_REQUEST: ({ original }) => original.requestLine,
  TIME: () => compactTime(new Date()),
  TIME_DAY: () => two(new Date().getDate()),
  TIME_HOUR: () => two(new Date().getHours()),
  TIME_MIN: () => two(new Date().getMinutes()),
  TIME_MON: () => two(new Date().getMonth() + 1),
  TIME_SEC: () => two(new Date().getSeconds()),
  TIME_WDAY: () => String(new Date().getDay()),
  TIME_YEAR: () => String(new Date().getFullYear()).padStart(4, '0'),
}

/** Request header fields that have a variable of their own. */
export const HEADER_VARIABLES: Readonly<Record<string, string>> = {
  HTTP_ACCEPT: 'Accept',
  HTTP_COOKIE: 'Cookie',
  HTTP_FORWARDED: 'Forwarded',
  HTTP_HOST: 'Host',
  HTTP_PROXY_CONNECTION: 'Proxy-Connection',
  HTTP_REFERER: 'Referer',
  HTTP_USER_AGENT: 'User-Agent',
}

/** What reads a variable; undefined where there is none of that name. */
export function variableReader(name: string): TextOf | undefined {
  const upper = name.toUpperCase()
  if (Object.hasOwn(REQUEST_VARIABLES, upper)) {
    const read = REQUEST_VARIABLES[upper] as (request: Request) => string | undefined
    return ({ request }) => read(request) ?? ''
  }
  if (Object.hasOwn(HEADER_VARIABLES, upper)) {
    const field = HEADER_VARIABLES[upper] as string
    return (evaluation) => requestHeader(evaluation, field)
  }
  // mod_ssl's variables are empty on connections without TLS
  if (/^SSL_[A-Z0-9_]+$/.test(upper)) return ({ request }) => request.tlsVariable?.(upper) ?? ''
  return undefined
}
