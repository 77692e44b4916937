/**
 * The board as applications are told of it by `mod_wsgi.server_metrics()`: what the runtime (`runtime/_wsgi_httpd/scoreboard.py`) makes
 * mod_wsgi's dictionaries of. Times are seconds since 1970. Pure.
 */
import type { Board, WorkerReport } from './board.js'

interface ProcessMetrics {
  readonly process_num: number
  readonly pid: number
  readonly generation: number
  readonly quiescing: boolean
  /** Entries that the process has at least. */
  readonly threads: number
  readonly running: readonly {
    readonly status: 'R' | 'W'
    readonly start_time: number
    readonly client: string
    readonly request: string
    readonly vhost: string
  }[]
  readonly keep_alive: number
  readonly closing: number
  readonly access_count: number
  readonly bytes_served: number
}

export interface ServerMetrics {
  readonly server_limit: number
  readonly thread_limit: number
  readonly running_generation: number
  readonly restart_time: number
  readonly current_time: number
  readonly running_time: number
  readonly processes: readonly ProcessMetrics[]
}

/** httpd's board keeps so many characters of each. */
const REQUEST_MAX = 64
const NAME_MAX = 64
/** Requests of a process that are told one by one; the message goes through a pipe to an interpreter. */
const RUNNING_MAX = 200
/** Entries of idle room; `MaxRequestWorkers` may be any number. */
const THREADS_MAX = 1000

/** @param now milliseconds since the epoch */
export function serverMetrics(board: Board, now: number): ServerMetrics {
  const { requests, workers } = board.room
  const threads = Math.min(Math.max(Math.ceil(requests / Math.max(workers, 1)), 1), THREADS_MAX)
  return {
    server_limit: workers,
    thread_limit: threads,
    running_generation: board.generation,
    restart_time: board.restartedAt / 1000,
    current_time: now / 1000,
    running_time: Math.max(Math.trunc((now - board.restartedAt) / 1000), 0),
    processes: board.workers.map((worker, index) => processOf(worker, index, threads, now)),
  }
}

function processOf(worker: WorkerReport, index: number, threads: number, now: number): ProcessMetrics {
  return {
    process_num: index,
    pid: worker.pid,
    generation: worker.generation,
    quiescing: worker.draining,
    threads,
    running: worker.running.slice(0, RUNNING_MAX).map(({ state, elapsed, client, line, host }) => ({
      status: state,
      start_time: (now - elapsed) / 1000,
      client: client.slice(0, NAME_MAX),
      request: line.slice(0, REQUEST_MAX),
      vhost: host.slice(0, NAME_MAX),
    })),
    keep_alive: Math.min(worker.keepAlive, THREADS_MAX),
    closing: Math.min(worker.closing, THREADS_MAX),
    access_count: worker.accesses,
    bytes_served: worker.bytes,
  }
}
