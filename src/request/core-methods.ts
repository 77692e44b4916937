/**
 * Methods that core answers by itself: `TRACE`, and `OPTIONS` for files and for the server as a whole.
 * Rules: RFC 9110 sections 9.3.7 and 9.3.8.
 */
import { coreServer } from '../modules/core/settings.js'
import type { Outcome } from '../modules/module.js'
import type { Request } from './request.js'
import { sendWhole } from './response.js'

/** Methods that httpd knows by name; for files, others are not implemented rather than not allowed. */
export const REGISTERED_METHODS: ReadonlySet<string> = new Set(
  `GET HEAD PUT POST DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK
   CHECKOUT REPORT MKACTIVITY MERGE`.split(/\s+/),
)

/** What `Allow` says for files. */
export function allowedMethods(request: Request): string {
  const trace = request.server.settings.get(coreServer).traceEnable !== 'off'
  return trace ? 'GET,POST,OPTIONS,HEAD,TRACE' : 'GET,POST,OPTIONS,HEAD'
}

/** `OPTIONS` for a file. */
export function answerOptions(request: Request): Outcome {
  request.headersOut.set('Allow', allowedMethods(request))
  request.contentType = undefined
  sendWhole(request)
  return 'done'
}

/** `OPTIONS *`: nothing but that the server is there. */
export function answerServerOptions(request: Request): Outcome {
  return answerOptions(request)
}

/** Sends the request back as it came, if that is allowed. */
export function answerTrace(request: Request): Outcome {
  const { traceEnable } = request.server.settings.get(coreServer)
  if (traceEnable === 'off') {
    request.report('core', 'error', 'TRACE denied by server configuration', 'AH00116')
    request.headersOut.set('Allow', allowedMethods(request))
    return 405
  }
  const length = Number(request.headersIn.get('Content-Length') ?? 0)
  if (length > 0 || request.headersIn.has('Transfer-Encoding')) {
    request.report('core', 'error', 'TRACE with a request body is not allowed', 'AH00118')
    return 413
  }
  let text = `${request.requestLine}\r\n`
  request.headersIn.each((name, value) => {
    text += `${name}: ${value}\r\n`
  })
  request.headersOut.set('Content-Type', 'message/http')
  sendWhole(request, `${text}\r\n`)
  return 'done'
}
