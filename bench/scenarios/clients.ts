/** Many connections that do nothing, and clients that send a byte a second. */
import { setTimeout as delay } from 'node:timers/promises'
import { idleConnections, slowSenders } from '../crowd.js'
import { wrk } from '../load.js'
import type { Running } from '../running.js'
import type { Measure, Sample, Scenario } from '../scenario.js'
import * as servers from '../servers.js'

const IDLE = 10_000
/** How long they may take to come. */
const IDLE_MAX_SECONDS = 30
/** With fewer open connections the memory of one cannot be told from that of the rest. */
const ENOUGH = 1000
const SLOW = 1000
/** How often fast clients are measured alone and beside slow ones, and with `--quick`. */
const PAIRS = [5, 2] as const
const PAIR_SECONDS = 2

export const clients: Scenario = {
  name: 'clients',
  title: 'Idle connections and slow clients',
  about: `${IDLE} connections that have had one answer and are kept: memory that each of them takes, and CPU of the server while nothing happens. Then ${SLOW} clients that send a byte a second: the CPU that they cost the server, and what wrk with 16 connections loses to them, the processor time that they take themselves included (${PAIR_SECONDS} s without and ${PAIR_SECONDS} s with them in turns). Peers are told to keep as many connections as they can be told.`,
  servers: [
    ...[servers.OURS_15, servers.OURS_EMBEDDED, servers.APACHE_CROWD, servers.NGINX],
    ...[
      servers.GUNICORN_CROWD,
      servers.WAITRESS_CROWD,
      servers.CHEROOT,
      servers.GRANIAN_CROWD,
      servers.BJOERN,
    ],
  ],
  columns: [
    { key: 'open', title: 'connections open' },
    { key: 'memory', title: 'KiB each', digits: 1 },
    { key: 'idle', title: 'CPU while idle, ms/s', digits: 1 },
    { key: 'slow', title: 'CPU for slow clients, ms/s', digits: 1 },
    { key: 'lost', title: 'lost to slow clients, %', digits: 1 },
  ],
  rounds: [2, 1],
  async measure(running, settings): Promise<Sample> {
    await wrk(running.url(), { seconds: settings.seconds, connections: 16 })
    return { ...(await idle(running)), ...(await slow(running, settings)) }
  },
}

async function idle(running: Running): Promise<Sample> {
  const before = running.memory()
  const { open, trouble } = await idleConnections(running.port, IDLE, IDLE_MAX_SECONDS)
  try {
    if (trouble !== undefined) running.remarks.add(`idle: ${trouble}`)
    const each = (running.memory() - before) / open.length
    const nothing = await running.cost(() => delay(2000))
    const kept = open.filter(({ destroyed }) => !destroyed).length
    return {
      open: kept,
      ...(kept >= ENOUGH && { memory: each }),
      idle: nothing.microseconds / 2 / 1000,
    }
  } finally {
    for (const socket of open) socket.destroy()
    await delay(500)
  }
}

async function slow(running: Running, { quick }: Measure): Promise<Sample> {
  const rate = async () => {
    const { requests, seconds } = await wrk(running.url(), { seconds: PAIR_SECONDS, connections: 16 })
    return requests / seconds
  }
  let [alone, beside, microseconds, pairs] = [0, 0, 0, 0]
  while (pairs < PAIRS[quick ? 1 : 0]) {
    // a server whose places are all taken answers nobody for a while
    const free = await running.attempt('after slow clients', rate)
    if (free === undefined) break
    pairs++
    alone += free
    const senders = slowSenders(running.port, SLOW)
    try {
      await delay(1000)
      microseconds += (await running.cost(() => delay(1000))).microseconds
      beside += (await running.attempt('beside slow clients', rate)) ?? 0
      if (senders.left() < SLOW / 2) running.remarks.add('slow clients: closed most of them')
    } finally {
      senders.end()
    }
    await delay(500)
  }
  return pairs === 0 ? {} : { slow: microseconds / pairs / 1000, lost: 100 * (1 - beside / alone) }
}
