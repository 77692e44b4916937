/** A plain connection for each request. Over TLS: handshakes.ts. */
import { wrk } from '../load.js'
import type { Sample, Scenario } from '../scenario.js'
import * as servers from '../servers.js'

export const connections: Scenario = {
  name: 'connections',
  title: 'New connections',
  about:
    'Hello world with `Connection: close` (wrk, 64 at a time), after some seconds of the same: CPU microseconds of the server for each connection.',
  servers: [
    servers.OURS_15,
    servers.APACHE_DAEMON,
    servers.NGINX,
    servers.UWSGI_THREADS,
    servers.GUNICORN_THREADS,
    servers.WAITRESS,
    servers.CHEROOT,
    servers.GRANIAN,
    servers.BJOERN,
  ],
  columns: [
    { key: 'rate', title: 'plain/s' },
    { key: 'plain', title: 'plain, µs', digits: 1 },
  ],
  rounds: [3, 1],
  async measure(running, { seconds, quick }): Promise<Sample> {
    const closing = { connections: 64, headers: ['Connection: close'] }
    await wrk(running.url(), { seconds: quick ? 2 : 4, ...closing })
    const { result, microseconds } = await running.cost(() => wrk(running.url(), { seconds, ...closing }))
    return { rate: result.requests / result.seconds, plain: microseconds / result.requests }
  },
}
