/** A server of which nothing is to be told yet, for tests of what is told of servers. */
import type { Board, WorkerReport } from '../../src/status/board.js'
import { newCounts } from '../../src/status/counts.js'
import { workerTally } from '../../src/status/tally.js'

export const EMPTY_BOARD: Board = {
  workers: [],
  daemons: [],
  startedAt: 0,
  restartedAt: 0,
  generation: 1,
  room: { workers: 1, requests: 1 },
  cpuUser: 0,
  cpuSystem: 0,
  past: newCounts(),
  pastGroups: [],
  groups: [],
  workerTally: workerTally().report,
  certificates: [],
}

/** One of its server workers. */
export const IDLE_WORKER: WorkerReport = {
  ...newCounts(),
  pid: 1,
  generation: 1,
  draining: false,
  resident: 0,
  connections: 0,
  keepAlive: 0,
  closing: 0,
  running: [],
  busy: 0,
  waiting: 0,
  groups: [],
  embedded: 'idle',
}
