/** From the command to the first response, and what lies in memory then. */
import { memoryByProcess } from '../process-tree.js'
import type { Sample, Scenario } from '../scenario.js'
import * as servers from '../servers.js'

export const start: Scenario = {
  name: 'start',
  title: 'Start and idle memory',
  about:
    'From the command to the end of the first response, Python included; then the proportional share of memory of all processes a second later, and of the three largest.',
  servers: [
    ...[
      servers.OURS_15,
      servers.OURS_EMBEDDED,
      servers.APACHE_DAEMON,
      servers.APACHE_EMBEDDED,
      servers.NGINX,
    ],
    ...[
      servers.UWSGI_THREADS,
      servers.GUNICORN_THREADS,
      servers.WAITRESS,
      servers.CHEROOT,
      servers.GRANIAN,
      servers.BJOERN,
    ],
  ],
  columns: [
    { key: 'first', title: 'first response, ms' },
    { key: 'memory', title: 'memory, MiB', digits: 1 },
    { key: 'processes', title: 'processes' },
    { key: 'largest0', title: 'largest, MiB', digits: 1 },
    { key: 'largest1', title: 'second', digits: 1 },
    { key: 'largest2', title: 'third', digits: 1 },
  ],
  rounds: [3, 1],
  async measure(running): Promise<Sample> {
    await new Promise((wake) => setTimeout(wake, 1000))
    const each = memoryByProcess(running.pid).sort((a, b) => b - a)
    return {
      first: running.startMs,
      memory: each.reduce((sum, one) => sum + one, 0) / 1024,
      processes: each.length,
      ...Object.fromEntries(each.slice(0, 3).map((kib, at) => [`largest${at}`, kib / 1024])),
    }
  },
}
