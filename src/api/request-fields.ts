/**
 * The header fields of a request as its handler finds them in `request.headers`: what a middleware has taken away, set or changed there is so for
 * the application, too.
 */
import { requestHead } from '../http/http2/fields.js'
import { wsgiText } from '../wsgi/environ.js'
import type { AnyRequest } from './http-types.js'

export interface RequestFields {
  /** Names and values in turn. */
  readonly fields: readonly string[]
  /** Why this is no request. */
  readonly fault: string | undefined
}

export function fieldsOf(request: AnyRequest): RequestFields {
  const fields: string[] = []
  const { headers } = request
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined) continue
    const text = wsgiText(typeof value === 'string' ? value : joined(value))
    // Node's names are in lower case: another one is a middleware's, and counts before the client's
    const lower = name.toLowerCase()
    const clients = name === lower ? -1 : fields.findIndex((one, at) => at % 2 === 0 && one === lower)
    if (clients < 0) fields.push(name, text)
    else fields[clients + 1] = text
  }
  if ('stream' in request) return requestHead(fields, !request.stream.endAfterHeaders)
  return { fields, fault: doubled(request.rawHeaders) }
}

/** Whatever a middleware has put there. */
function joined(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value)
}

/** Node takes the first one where each reader might take another. */
function doubled(rawHeaders: readonly string[]): string | undefined {
  let hasHost = false
  let hasAuthorization = false
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (name.length === 4 && name.toLowerCase() === 'host') {
      if (hasHost) return 'more than one Host field'
      hasHost = true
    } else if (name.length === 13 && name.toLowerCase() === 'authorization') {
      if (hasAuthorization) return 'more than one Authorization field'
      hasAuthorization = true
    }
  }
  return undefined
}
