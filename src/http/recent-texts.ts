/**
 * What was made of texts that came lately, for texts that come again and again: the fields that a client sends with each of its requests, and all its likes; the
 * header of an application's usual response. To compare two texts costs a small part of taking one apart.
 *
 * Bounded in number and size, and nothing that anybody could fill: each length has one place, and the next text there takes it.
 */

const PLACES = 256
/** Longer texts are not kept. */
const KEPT_MAX_CHARACTERS = 2048

interface Kept<T> {
  readonly text: string
  readonly made: T
}

export class RecentTexts<T> {
  readonly #places: (Kept<T> | undefined)[] = new Array(PLACES).fill(undefined)

  /** What was made of that text, if it is still there. Nobody may change it. */
  get(text: string): T | undefined {
    const kept = this.#places[text.length & (PLACES - 1)]
    return kept !== undefined && kept.text === text ? kept.made : undefined
  }

  set(text: string, made: T): void {
    if (text.length <= KEPT_MAX_CHARACTERS) this.#places[text.length & (PLACES - 1)] = { text, made }
  }
}
