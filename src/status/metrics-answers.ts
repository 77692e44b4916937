/**
 * Answers of one runtime process's questions for `mod_wsgi.server_metrics()`: whether it may know, and never two looks at the server at a time,
 * however often it asks.
 */
import type { Board } from './board.js'
import { type ServerMetrics, serverMetrics } from './server-metrics.js'

interface Question {
  readonly type: 'server_metrics'
  readonly number: number
  readonly asker: number
}

export class MetricsAnswers {
  #looking: Promise<ServerMetrics> | undefined

  /** @param allowed `server-metrics` or `WSGIServerMetrics`: it tells of other applications' requests */
  constructor(
    private readonly allowed: boolean,
    private readonly board: () => Promise<Board>,
    private readonly send: (answer: Question & { readonly value: ServerMetrics | null }) => void,
  ) {}

  async answer({ type, number, asker }: Question): Promise<void> {
    const value = this.allowed ? await this.#look() : null
    this.send({ type, number, asker, value })
  }

  #look(): Promise<ServerMetrics> {
    this.#looking ??= this.board()
      .then((board) => serverMetrics(board, Date.now()))
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }
}
