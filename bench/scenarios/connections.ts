/** A connection for each request: plain, and with full and resumed TLS handshakes. */
import { handshakes, wrk } from '../load.js'
import type { Sample, Scenario } from '../scenario.js'
import * as servers from '../servers.js'

const DAEMON = { threads: 15 }
const TLS = [
  servers.ours({ daemon: DAEMON, tls: true }),
  servers.apache({ daemon: DAEMON, tls: true }),
  servers.NGINX,
]

export const connections: Scenario = {
  name: 'connections',
  title: 'New connections',
  about:
    'Hello world with `Connection: close` (wrk, 64 at a time), and over TLS with a handshake for each request (8 at a time; the client is Node, whose own time bounds the rate), after some seconds of the same: CPU microseconds of the server for each connection.',
  servers: [
    ...TLS,
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
    { key: 'full', title: 'TLS full, µs' },
    { key: 'resumed', title: 'TLS resumed, µs' },
    { key: 'share', title: 'resumed, %' },
  ],
  rounds: [3, 1],
  async measure(running, { seconds, quick }, server): Promise<Sample> {
    const closing = { connections: 64, headers: ['Connection: close'] }
    await wrk(running.url(), { seconds: quick ? 2 : 4, ...closing })
    const { result, microseconds } = await running.cost(() => wrk(running.url(), { seconds, ...closing }))
    const plain = { rate: result.requests / result.seconds, plain: microseconds / result.requests }
    if (!TLS.includes(server)) return plain
    const shake = (resume: boolean) =>
      running.attempt(resume ? 'TLS resumed' : 'TLS full', () =>
        running.cost(() => handshakes(running.tlsPort, seconds, resume, running)),
      )
    // Engines compile what has run some hundred times; a server that has just started is the scenario `start`.
    await handshakes(running.tlsPort, quick ? 1 : 6, false, running).catch(() => {})
    const full = await shake(false)
    const again = await shake(true)
    return {
      ...plain,
      ...(full && { full: full.microseconds / full.result.count }),
      ...(again && {
        resumed: again.microseconds / again.result.count,
        share: (100 * again.result.resumed) / again.result.count,
      }),
    }
  },
}
