/**
 * mod_status: the handler `server-status`. `ExtendedStatus` and `SeeRequestTail` are core's, as in httpd. A page is shown where somebody who
 * counts requests provides it; until then the handler answers 503.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_status.html
 */
import type { Request } from '../request/request.js'
import type { HttpdModule, Outcome } from './module.js'

/** Makes the status page; sends the response itself, as every handler does. */
export type StatusPage = (request: Request) => Outcome | Promise<Outcome>

let page: StatusPage | undefined

/** To be called once, by whoever has the numbers. */
export function provideStatusPage(make: StatusPage): void {
  page = make
}

function handler(request: Request): Outcome | Promise<Outcome> {
  if (request.handler !== 'server-status') return undefined
  if (page !== undefined) return page(request)
  request.report(
    'status',
    'error',
    `${request.path}: the status page (handler server-status) is not available yet`,
  )
  return 503
}

export const status = {
  id: 'status_module',
  source: 'mod_status.c',
  directives: [],
  hooks: { handler },
} satisfies HttpdModule
