/**
 * Name and port of this server as a request's `SERVER_NAME` and `SERVER_PORT` have them. The rules are in src/modules/self-url.ts.
 */
import { selfNameOf } from '../modules/self-url.js'
import type { Request } from './request.js'

/** IPv6 addresses in brackets. */
export function selfName(request: Request): string {
  return selfNameOf(request).host
}

export function selfPort(request: Request): number {
  return selfNameOf(request).port
}
