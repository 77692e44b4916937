/**
 * What a client gets in place of what it asked for: `ErrorDocument` in all its forms, else a built-in page.
 * Manual: https://httpd.apache.org/docs/2.4/custom-error.html
 */
import { coreDir, coreServer, type DocumentText } from '../modules/core/settings.js'
import { escapeHtml } from '../modules/html-text.js'
import type { Outcome } from '../modules/module.js'
import { ERROR_STYLE } from '../modules/page-style.js'
import { selfNameOf } from '../modules/self-url.js'
import { escapeTarget } from '../modules/url-text.js'
import { explanationOf } from './error-texts.js'
import { HeaderTable } from './headers.js'
import { reasonOf } from './reasons.js'
import type { Request } from './request.js'
import { sendWhole } from './response.js'
import { serverBanner } from './server-tokens.js'

type Redirect = (request: Request, url: string, method: 'GET' | 'HEAD') => Outcome | Promise<Outcome>

const PAGE_TYPE = 'text/html; charset=iso-8859-1'

/** Fields of the handler's own table that an error page keeps. */
const KEPT = ['Allow', 'Content-Range', 'Retry-After', 'Alternates', 'Vary', 'TCN', 'Upgrade']

/** Answers a request with a status that a phase ended with. */
export function respondWithError(request: Request, status: number, redirect: Redirect): void | Promise<void> {
  const first = firstError(request)
  if (first !== undefined) {
    // The error document failed as well: the page tells of the first error and names the second.
    request.method = first.method
    sendPage(request, first.status, status)
    return
  }
  request.status = status
  // redirects may have one as well
  const mayHavePage = status >= 300 && status !== 304
  const document = mayHavePage ? request.dir.get(coreDir).errorDocuments[status] : undefined
  switch (document?.kind) {
    case 'path': {
      const notes = request.notes.get('error-notes')
      if (notes !== undefined) request.env.set('ERROR_NOTES', notes)
      request.env.set('REQUEST_METHOD', request.method)
      const location = status < 400 ? request.headersOut.get('Location') : undefined
      if (location !== undefined) request.errHeadersOut.set('Location', location)
      const outcome = redirect(
        request,
        filled(document.path, request),
        request.method === 'HEAD' ? 'HEAD' : 'GET',
      )
      return outcome instanceof Promise
        ? outcome.then((late) => afterRedirect(request, late))
        : afterRedirect(request, outcome)
    }
    case 'url':
      request.headersOut = new HeaderTable(['Location', escapeTarget(filled(document.url, request))])
      request.status = 302
      sendPage(request, 302)
      return
    case 'text':
      clearHeaders(request)
      sendPageText(request, filled(document.text, request))
      return
    default:
      sendPage(request, status)
  }
}

/** The text of an `ErrorDocument` for this request. */
function filled(text: DocumentText, request: Request): string {
  return typeof text === 'string' ? text : text(request)
}

/** Too many redirects to show the document. */
function afterRedirect(request: Request, outcome: Outcome): void {
  if (typeof outcome === 'number') sendPage(request, request.status, outcome)
}

/** The request whose error a failed error document was to explain. */
function firstError(request: Request): Request | undefined {
  let first: Request | undefined
  for (let at = request.prev; at !== undefined && at.status !== 200; at = at.prev) first = at
  return first
}

function clearHeaders(request: Request): void {
  const kept = new HeaderTable()
  // where an error document led is nothing that the client should follow
  const names = request.status < 400 ? ['Location', ...KEPT] : KEPT
  for (const name of names) for (const value of request.headersOut.all(name)) kept.add(name, value)
  request.headersOut = kept
  request.reason = ''
  request.contentType = undefined
  request.contentEncoding = []
  request.contentLanguages = []
  request.charset = undefined
  request.isBuiltInPage = true
}

/** The built-in page of a status; `second` is the status of an error document that failed. */
function sendPage(request: Request, status: number, second?: number): void {
  request.status = status
  clearHeaders(request)
  if (status === 304 || status === 204) {
    sendWhole(request)
    return
  }
  if (status === 405 && !request.headersOut.has('Allow'))
    request.headersOut.set('Allow', 'GET,POST,OPTIONS,HEAD,TRACE')
  sendPageText(request, builtInPage(request, status, second))
}

function sendPageText(request: Request, text: string): void {
  const isBare = request.hasEnv && request.env.has('suppress-error-charset')
  request.headersOut.set('Content-Type', isBare ? 'text/html' : PAGE_TYPE)
  sendWhole(request, Buffer.from(text, 'latin1'))
}

function builtInPage(request: Request, status: number, second: number | undefined): string {
  const phrase = reasonOf(status) ?? 'Error'
  const admin = request.server.settings.get(coreServer).serverAdmin ?? 'the administrator'
  const explanation = explanationOf(status, {
    path: escapeHtml(request.original.path),
    method: escapeHtml(request.original.method),
    location: escapeHtml(request.headersOut.get('Location') ?? ''),
    admin: escapeHtml(admin),
  })
  const notes = request.notes.get('verbose-error-to') === '*' ? request.notes.get('error-notes') : undefined
  const list = status === 406 || status === 300 ? (request.notes.get('variant-list') ?? '') : ''
  const again =
    second === undefined
      ? ''
      : `<p>The page that should have explained this could not be shown either: ${second} ${reasonOf(second) ?? ''}.</p>\n`
  return `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html><head>
<title>${status} ${phrase}</title>
${ERROR_STYLE}</head><body>
<h1>${phrase}</h1>
<p>${explanation}</p>
${notes === undefined ? '' : `<p>${escapeHtml(notes)}</p>\n`}${list}${again}${signature(request)}</body></html>
`
}

/** `ServerSignature`'s line. */
export function signature(request: Request): string {
  const { serverSignature } = request.dir.get(coreDir)
  if (serverSignature === 'Off') return ''
  const { host, port } = selfNameOf(request)
  const { serverAdmin } = request.server.settings.get(coreServer)
  const name =
    serverSignature === 'EMail' && serverAdmin !== undefined
      ? `<a href="${/^[a-z]+:\/\//i.test(serverAdmin) ? '' : 'mailto:'}${escapeHtml(serverAdmin)}">${escapeHtml(host)}</a>`
      : escapeHtml(host)
  return `<hr>\n<address>${escapeHtml(serverBanner(request.server))} Server at ${name} Port ${port}</address>\n`
}
