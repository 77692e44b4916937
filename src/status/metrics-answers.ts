/**
 * Answers of one runtime process's questions for `mod_wsgi.server_metrics()`: whether it may know, and never two looks at the server,
 * nor two answers under way, however often it asks and whether or not it listens.
 */
import type { Board } from './board.js'
import { type ServerMetrics, serverMetrics } from './server-metrics.js'

interface Question {
  readonly type: 'server_metrics'
  readonly number: number
  readonly asker: number
}

/** Threads that wait for an answer; what is beyond is somebody who does not. */
const WAITING_MAX = 1000

export class MetricsAnswers {
  readonly #waiting: Question[] = []
  #isAnswering = false

  /**
   * @param allowed `server-metrics` or `WSGIServerMetrics`: it tells of other applications' requests
   * @param send calls back when the answer is on its way
   */
  constructor(
    private readonly allowed: boolean,
    private readonly board: () => Promise<Board>,
    private readonly send: (
      answer: Question & { readonly value: ServerMetrics | null },
      taken: () => void,
    ) => void,
  ) {}

  async answer({ type, number, asker }: Question): Promise<void> {
    if (this.#waiting.length === WAITING_MAX) return
    this.#waiting.push({ type, number, asker })
    if (this.#isAnswering) return
    this.#isAnswering = true
    try {
      while (this.#waiting.length > 0) await this.#answerWaiting()
    } finally {
      this.#isAnswering = false
    }
  }

  /** All that wait are told what one look has seen. */
  async #answerWaiting(): Promise<void> {
    const value = this.allowed ? serverMetrics(await this.board(), Date.now()) : null
    for (const question of this.#waiting.splice(0))
      await new Promise<void>((taken) => this.send({ ...question, value }, taken))
  }
}
