/**
 * Request header fields in expressions. A response that depends on one says so in `Vary`.
 */
import type { Evaluation } from './evaluation.js'

/** The field's values joined as one list; empty where it is not there. */
export function requestHeader(evaluation: Evaluation, name: string): string {
  // the host is part of the URL, which caches tell apart anyway
  if (name.toLowerCase() !== 'host') evaluation.vary?.push(name)
  return requestHeaderUnnoted(evaluation, name)
}

/** The same without a note for `Vary`. */
export function requestHeaderUnnoted({ request }: Evaluation, name: string): string {
  return request.headersIn.value(name) ?? ''
}
