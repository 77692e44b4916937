/** Applications that wait, and requests beside those that do. */
import { setTimeout as delay } from 'node:timers/promises'
import { once, wrk } from '../load.js'
import type { Scenario } from '../scenario.js'
import * as servers from '../servers.js'

const BLOCKED = 14
/** 15 threads that sleep for 50 ms each. */
const POSSIBLE = 15 / 0.05

export const blocking: Scenario = {
  name: 'blocking',
  title: 'Applications that wait',
  about: `\`sleep(50 ms)\` with 64 connections and 15 threads: the share of the ${POSSIBLE} requests a second that are possible. Then ${BLOCKED} threads are blocked, and wrk asks for hello world on one connection: the time that 99 of 100 requests stay below.`,
  servers: servers.THREADED,
  columns: [
    { key: 'share', title: '% of what is possible', digits: 1 },
    { key: 'p99', title: 'p99 beside blocked threads, ms', digits: 2 },
    { key: 'rate', title: 'requests/s beside them' },
  ],
  rounds: [2, 1],
  async measure(running, { seconds }) {
    const sleeping = await running.attempt('sleep', () =>
      wrk(running.url('/sleep'), { seconds, connections: 64 }),
    )
    const wait = { patience: running.patience + seconds }
    const blocked = Array.from({ length: BLOCKED }, () =>
      once(running.port, `/block?${seconds + 1}`, wait).catch(() => ''),
    )
    await delay(300)
    const fast = await running.attempt('beside blocked threads', () =>
      wrk(running.url(), { seconds, connections: 1 }),
    )
    await Promise.all(blocked)
    return {
      ...(sleeping && { share: (100 * sleeping.requests) / sleeping.seconds / POSSIBLE }),
      ...(fast && { p99: fast.p99, rate: fast.requests / fast.seconds }),
    }
  },
}
