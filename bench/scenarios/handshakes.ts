/** A connection for each request over TLS, with full and resumed handshakes. */
import { handshakes } from '../load.js'
import type { Sample, Scenario } from '../scenario.js'
import * as servers from '../servers.js'

const DAEMON = { threads: 15 }

/** Engines compile what has run some thousand times; a server that has just started is the scenario `start`. */
const WARM = { connections: 8000, seconds: 24 }

export const handshakesScenario: Scenario = {
  name: 'handshakes',
  title: 'New connections over TLS',
  about:
    'Hello world over TLS (P-256) with a handshake for each request and `Connection: close`, 8 at a time; the client is Node, whose own time bounds the rate. The servers run at the same time and take turns by the second, after some thousand connections of both kinds in turns: CPU microseconds of the server for each connection.',
  servers: [
    servers.ours({ daemon: DAEMON, tls: true }),
    servers.apache({ daemon: DAEMON, tls: true }),
    servers.NGINX,
  ],
  columns: [
    { key: 'full', title: 'full, µs' },
    { key: 'resumed', title: 'resumed, µs' },
    { key: 'share', title: 'resumed, %' },
  ],
  rounds: [14, 3],
  seconds: 1,
  async warm(running, { quick }) {
    let made = 0
    for (let second = 0; second < (quick ? 2 : WARM.seconds) && made < WARM.connections; second++)
      made += (await handshakes(running.tlsPort, 1, second % 2 === 1, running)).count
  },
  async measure(running, { seconds }): Promise<Sample> {
    const shake = (resume: boolean) =>
      running.cost(() => handshakes(running.tlsPort, seconds, resume, running))
    const full = await shake(false)
    const again = await shake(true)
    return {
      full: full.microseconds / full.result.count,
      resumed: again.microseconds / again.result.count,
      share: (100 * again.result.resumed) / again.result.count,
    }
  },
}
