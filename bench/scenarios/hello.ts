/** The smallest response, as fast as it goes; the server's CPU beside that of `node:http`, the two taking turns by the second. */
import { wrk } from '../load.js'
import { Running } from '../running.js'
import type { Measure, Scenario } from '../scenario.js'
import * as servers from '../servers.js'

const CONNECTIONS = 64
/** Compilers and allocators take that long to settle. */
const WARM_UP_SECONDS = 6

let yardstick: Running

async function cost(running: Running, seconds: number) {
  const { result, microseconds } = await running.cost(() =>
    wrk(running.url(), { seconds, connections: CONNECTIONS }),
  )
  return { ...result, each: microseconds / result.requests }
}

export const hello: Scenario = {
  name: 'hello',
  title: 'Hello world, keep-alive',
  about: `wrk with ${CONNECTIONS} connections; CPU is user and system time of all processes of a server, divided by the requests it answered. \`node:http\` answers by itself in turns of a second with each, without Python or logs: the last column is the server's CPU in relation to it.`,
  servers: [
    ...[servers.NODE, servers.OURS_1, servers.OURS_15, servers.OURS_EMBEDDED, servers.APACHE_DAEMON],
    ...[servers.APACHE_EMBEDDED, servers.GUNICORN_SYNC, servers.GUNICORN_THREADS, servers.WAITRESS],
    ...[servers.CHEROOT, servers.GRANIAN, servers.UWSGI_THREADS, servers.NGINX, servers.BJOERN],
  ],
  columns: [
    { key: 'rate', title: 'requests/s' },
    { key: 'cpu', title: 'CPU µs/request', digits: 1 },
    { key: 'ratio', title: '× node:http', digits: 2 },
  ],
  rounds: [2, 1],
  async begin(settings: Measure) {
    yardstick = await Running.start(servers.NODE, settings)
    await cost(yardstick, settings.quick ? 1 : WARM_UP_SECONDS)
    return { end: () => yardstick.stop() }
  },
  async measure(running, { seconds, quick }) {
    await cost(running, quick ? 2 : WARM_UP_SECONDS)
    let [requests, took, used, yardsticks] = [0, 0, 0, 0]
    for (let slice = 0; slice < seconds; slice++) {
      yardsticks += (await cost(yardstick, 1)).each
      const one = await cost(running, 1)
      requests += one.requests
      took += one.seconds
      used += one.each * one.requests
    }
    const each = used / requests
    return { rate: requests / took, cpu: each, ratio: each / (yardsticks / Math.ceil(seconds)) }
  },
}
