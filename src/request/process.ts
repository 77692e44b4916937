/**
 * Driving a request through its phases to its response, with internal redirects and look-ups of other URLs on the way. This is the one place
 * that turns what hooks answer into what the client gets.
 */
import { coreDir, coreServer } from '../modules/core/settings.js'
import type { HttpdModule, Outcome } from '../modules/module.js'
import { selfOrigin } from '../modules/self-url.js'
import { escapePath } from '../modules/url-text.js'
import { respondWithError } from './error-response.js'
import type { HeaderTable } from './headers.js'
import { compilePhases, type PhaseTable, runPhases, stackOf } from './phases.js'
import { Request } from './request.js'
import { cutOff, sendWhole } from './response.js'
import { resolveLink, splitQuery } from './url-path.js'

/** The table for a list of modules, in the order in which their hooks run. */
export function phaseTable(modules: readonly HttpdModule[]): PhaseTable {
  return compilePhases(modules, {
    lookUp: lookUpUri,
    lookUpFile,
    redirect: internalRedirect,
    send: sendWhole,
  })
}

/** Takes a request that has just been read through all phases. Returns a promise as soon as something has to be waited for; never rejects. */
export function processRequest(table: PhaseTable, request: Request): void | Promise<void> {
  return settle(request, runPhases(table, request, 0, table.hooks.length))
}

/** Carries out what a handler has answered, at once or later. Never rejects. */
export function settle(request: Request, outcome: Outcome | Promise<Outcome>): void | Promise<void> {
  if (typeof outcome === 'object') return outcome.then((late) => settle(request, late))
  if (typeof outcome !== 'number') return
  return fail(request, outcome)
}

/** Ends a request with a status: the only way to an error page. Never throws nor rejects. */
export function fail(request: Request, status: number): void | Promise<void> {
  try {
    if (request.outgoing.headSent) {
      // too late for a page; the client must not take what it has for the whole
      if (!request.outgoing.ended) cutOff(request)
      return
    }
    const answerError = request.transaction?.phases.answerError
    if (answerError === undefined) return showError(request, status)
    answerError(request, status, () => void showError(request, status))
  } catch (error) {
    giveUp(request, error)
  }
}

function showError(request: Request, status: number): void | Promise<void> {
  try {
    const pending = respondWithError(request, status, internalRedirect)
    return pending?.catch((error) => giveUp(request, error))
  } catch (error) {
    giveUp(request, error)
  }
}

function giveUp(request: Request, error: unknown): void {
  request.report('core', 'error', `Internal fault while sending an error page: ${stackOf(error)}`, 'WSGH0005')
  request.status = 500
  request.outgoing.cut()
}

/** Fields that say that there is a body. */
const BODY_FIELDS = ['Content-Length', 'Transfer-Encoding']
/** Fields that tell of a body, which a look-up has not (httpd's strip_headers_request_body). */
const CONTENT_FIELDS = [
  ...BODY_FIELDS,
  'Content-Encoding',
  'Content-Language',
  'Content-Location',
  'Content-MD5',
  'Content-Range',
  'Content-Type',
  'Expires',
  'Last-Modified',
]

/**
 * Goes on with another URL of this server in place of the request's own: ErrorDocument, rewriting, applications.
 * @param url a path, escaped, with a query or without.
 * @param method where the new request is one of its own, which has no body whatever the client sent; else it is the same request, body and all, and
 * nobody may have read of that yet
 * @returns once the response is on its way: `'done'`, or a status where there were too many redirects already.
 */
export function internalRedirect(
  request: Request,
  url: string,
  method?: 'GET' | 'HEAD',
): Outcome | Promise<Outcome> {
  const { transaction } = request
  if (transaction === undefined) throw new Error('a look-up cannot redirect')
  const limit = request.server.settings.get(coreServer).limitInternalRedirects
  let redirects = 0
  for (let at: Request | undefined = request; at !== undefined; at = at.prev) redirects++
  if (redirects > limit) {
    request.report(
      'core',
      'error',
      `Request exceeded the limit of ${limit} internal redirects due to probable configuration error. Use 'LimitInternalRecursion' to increase the limit if necessary.`,
      'AH00124',
    )
    return 500
  }
  // one table: what modules have made of the header holds for the whole chain
  const headersIn =
    method === undefined || !saysBody(request) ? request.headersIn : without(BODY_FIELDS, request)
  const redirected = derive(request, url, method ?? request.method, headersIn)
  redirected.prev = request
  redirected.transaction = transaction
  redirected.status = request.status
  redirected.expectsContinue = request.expectsContinue
  redirected.errHeadersOut = request.errHeadersOut
  transaction.last = redirected
  nameRedirect(request, redirected)
  const settled = processRequest(transaction.phases, redirected)
  return settled === undefined ? 'done' : settled.then(() => 'done')
}

/** Variables of the first request get the prefix `REDIRECT_`, beside those that tell what it was. */
function nameRedirect(from: Request, to: Request): void {
  for (const [name, value] of from.env) to.env.set(`REDIRECT_${name}`, value)
  for (const [name, value] of from.told?.variables() ?? [])
    if (!name.includes('.')) to.env.set(`REDIRECT_${name}`, value)
  to.env.set('REDIRECT_STATUS', String(from.status))
  const query = from.query === undefined ? '' : `?${from.query}`
  const { qualifyRedirectURL } = from.dir.get(coreDir)
  to.env.set(
    'REDIRECT_URL',
    qualifyRedirectURL ? selfOrigin(from) + escapePath(from.path) + query : from.path,
  )
  if (from.query !== undefined) to.env.set('REDIRECT_QUERY_STRING', from.query)
}

/** See {@link import('./request.js').Dispatch.lookUp}. */
function lookUpUri(request: Request, url: string): Request | Promise<Request> {
  const found = derive(request, resolveLink(escapePath(request.path), url), 'GET', forLookUp(request))
  return lookUp(request, found, 'url')
}

/** See {@link import('./request.js').Dispatch.lookUpFile}. */
function lookUpFile(request: Request, filename: string): Request | Promise<Request> {
  const name = filename.slice(filename.lastIndexOf('/') + 1)
  const found = derive(request, '/', 'GET', forLookUp(request))
  const own = request.path.slice(0, request.path.length - request.pathInfo.length)
  found.path = own.slice(0, own.lastIndexOf('/') + 1) + name
  found.filename = filename
  return lookUp(request, found, 'storage')
}

function lookUp(request: Request, found: Request, from: 'url' | 'storage'): Request | Promise<Request> {
  found.main = request
  for (const [name, value] of request.env) found.env.set(name, value)
  let depth = 0
  for (let at: Request | undefined = request; at !== undefined; at = at.main) depth++
  const limit = request.server.settings.get(coreServer).limitSubrequests
  if (depth > limit) {
    request.report(
      'core',
      'error',
      `Request exceeded the limit of ${limit} subrequest nesting levels due to probable configuration error. Use 'LimitInternalRecursion' to increase the limit if necessary.`,
      'AH00125',
    )
    found.status = 500
    return found
  }
  const table = tableOf(request)
  const outcome = runPhases(table, found, table[from], table.handlers)
  if (typeof outcome === 'object') return outcome.then((late) => concluded(found, late))
  return concluded(found, outcome)
}

function concluded(found: Request, outcome: Outcome): Request {
  found.status = typeof outcome === 'number' ? outcome : 200
  return found
}

function tableOf(request: Request): PhaseTable {
  let at: Request = request
  while (at.main !== undefined) at = at.main
  if (at.transaction === undefined) throw new Error('a request without transaction cannot look up')
  return at.transaction.phases
}

function saysBody({ headersIn }: Request): boolean {
  return BODY_FIELDS.some((name) => headersIn.has(name))
}

/** A copy of the request's header that lacks these fields. */
function without(names: readonly string[], { headersIn }: Request): HeaderTable {
  const copy = headersIn.copy()
  for (const name of names) copy.unset(name)
  return copy
}

/** A look-up has a header of its own: what is changed there is forgotten with it. */
function forLookUp(request: Request): HeaderTable {
  return saysBody(request) ? without(CONTENT_FIELDS, request) : request.headersIn.copy()
}

/** A request for another URL in the place of one, of the same client. */
function derive(from: Request, url: string, method: string, headersIn: HeaderTable): Request {
  const made = new Request(from.connection, from.server, from.incoming, from.outgoing, from.log, headersIn)
  const { path, query } = splitQuery(url)
  made.method = method
  made.protocol = from.protocol
  made.target = from.original.target
  made.path = path
  made.query = query
  made.hostname = from.hostname
  made.hostPort = from.hostPort
  made.asksKeepAlive = from.asksKeepAlive
  made.dispatch = from.dispatch
  made.tlsVariable = from.tlsVariable
  return made
}
