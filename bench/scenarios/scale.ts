/** More server workers and more daemon processes. */
import { wrk } from '../load.js'
import type { Scenario } from '../scenario.js'
import * as servers from '../servers.js'

const COMBINATIONS = [
  ...[1, 2].flatMap((workers) => [1, 2].map((processes) => ({ workers, processes }))),
  { workers: 4, processes: 4 },
]

export const scale: Scenario = {
  name: 'scale',
  title: 'More processes',
  about:
    'Hello world with 15 threads in each daemon process, wrk with 64 connections on the same cores: it is the cost of a request that should stay flat.',
  servers: [
    ...COMBINATIONS.map(({ workers, processes }) =>
      servers.ours({
        name: `wsgi-httpd, ServerLimit ${workers}, processes=${processes}`,
        workers,
        daemon: { threads: 15, processes },
      }),
    ),
    servers.apache({ name: 'Apache, processes=1', daemon: { threads: 15, processes: 1 } }),
    servers.apache({ name: 'Apache, processes=2', daemon: { threads: 15, processes: 2 } }),
    ...[1, 2].flatMap(servers.severalProcesses),
  ],
  columns: [
    { key: 'rate', title: 'requests/s' },
    { key: 'cpu', title: 'CPU µs/request', digits: 1 },
    { key: 'p99', title: 'p99, ms', digits: 1 },
    { key: 'memory', title: 'memory before, MiB' },
  ],
  rounds: [2, 1],
  async measure(running, { seconds }) {
    const memory = running.memory() / 1024
    await wrk(running.url(), { seconds: 2, connections: 64 })
    const { result, microseconds } = await running.cost(() =>
      wrk(running.url(), { seconds, connections: 64 }),
    )
    return {
      rate: result.requests / result.seconds,
      cpu: microseconds / result.requests,
      p99: result.p99,
      memory,
    }
  },
}
