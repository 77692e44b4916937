/** Many connections that do nothing, and clients that send a byte a second. */
import { setTimeout as delay } from 'node:timers/promises'
import { idleConnections, slowSenders, wrk } from '../load.js'
import type { Sample, Scenario } from '../scenario.js'
import * as servers from '../servers.js'

const IDLE = 10_000
const SLOW = 1000

export const clients: Scenario = {
  name: 'clients',
  title: 'Idle connections and slow clients',
  about: `${IDLE} connections that have had one answer and are kept (fewer where the server closes them): memory that each of them takes, and CPU of the server while nothing happens. Then ${SLOW} clients that send a byte a second: the CPU that they cost the server, and what wrk with 16 connections loses to them and to the processor time that they take themselves.`,
  servers: [servers.OURS_15, servers.APACHE_DAEMON, servers.NGINX, servers.WAITRESS, servers.CHEROOT],
  columns: [
    { key: 'open', title: 'connections open' },
    { key: 'memory', title: 'KiB each', digits: 1 },
    { key: 'idle', title: 'CPU while idle, ms/s', digits: 1 },
    { key: 'slow', title: 'CPU for slow clients, ms/s', digits: 1 },
    { key: 'lost', title: 'lost to slow clients, %', digits: 1 },
  ],
  rounds: [1, 1],
  async measure(running, { seconds }): Promise<Sample> {
    const load = () => wrk(running.url(), { seconds, connections: 16 })
    await load()
    const before = running.memory()
    const open = await idleConnections(running.port, IDLE)
    const kept = open.filter(({ destroyed }) => !destroyed).length
    const each = (running.memory() - before) / kept
    const nothing = await running.cost(() => delay(2000))
    for (const socket of open) socket.destroy()
    await delay(500)
    // a server whose places are all taken answers nobody for a while
    const alone = await load().catch(() => undefined)
    const end = slowSenders(running.port, SLOW)
    await delay(1000)
    const slow = await running.cost(() => delay(2000))
    const beside = await load()
      .catch(() => undefined)
      .finally(end)
    const rate = (one: typeof alone) => (one === undefined ? 0 : one.requests / one.seconds)
    return {
      open: kept,
      memory: each,
      idle: nothing.microseconds / 2 / 1000,
      slow: slow.microseconds / 2 / 1000,
      ...(alone !== undefined && { lost: 100 * (1 - rate(beside) / rate(alone)) }),
    }
  },
}
