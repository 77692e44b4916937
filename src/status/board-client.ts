/** A server worker's way to the whole board: asks the supervisor, and waits for its answer. */
import type { Board } from './board.js'

export class BoardClient {
  readonly #waiting = new Map<number, (board: Board) => void>()
  #number = 0

  /** @param ask sends the question with a number to the supervisor */
  constructor(private readonly ask: (number: number) => void) {}

  board(): Promise<Board> {
    const number = ++this.#number
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve)
      this.ask(number)
    })
  }

  /** The answer has come. */
  take(number: number, board: Board): void {
    this.#waiting.get(number)?.(board)
    this.#waiting.delete(number)
  }
}
