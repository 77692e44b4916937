/**
 * `Define`, `UnDefine` and `${NAME}`: names that hold for the whole server from the line on that sets them, in reading order.
 * @see https://httpd.apache.org/docs/2.4/configuring.html#syntax
 */
import { FaultHere } from './errors.js'

export class Variables {
  /** A name without a value is defined for `<IfDefine>`, but `${NAME}` does not see it. */
  readonly #defined = new Map<string, string | undefined>()

  constructor(
    names: Iterable<string>,
    private readonly environment: Readonly<Record<string, string | undefined>>,
  ) {
    for (const name of names) this.#defined.set(name, undefined)
  }

  define(name: string, value: string | undefined): void {
    checkName(name)
    this.#defined.set(name, value)
  }

  undefine(name: string): void {
    checkName(name)
    this.#defined.delete(name)
  }

  isDefined(name: string): boolean {
    return this.#defined.has(name)
  }

  /** Names with their values; the empty string for those without. */
  all(): Record<string, string> {
    return Object.fromEntries([...this.#defined].map(([name, value]) => [name, value ?? '']))
  }

  /**
   * Replaces every `${NAME}`; the values are not looked at again. A name that nobody set stays as it is and is told to `missing`, unless it
   * has a colon: that form belongs to `RewriteMap`.
   */
  expand(text: string, missing: (name: string) => void): string {
    if (!text.includes('${')) return text
    return text.replace(/\$\{([^}]*)\}/g, (whole, name: string) => {
      const value =
        this.#defined.get(name) ??
        (Object.hasOwn(this.environment, name) ? this.environment[name] : undefined)
      if (value === undefined && !name.includes(':') && name !== '') missing(name)
      return value ?? whole
    })
  }
}

function checkName(name: string): void {
  if (name.includes(':')) throw new FaultHere("Variable name must not contain ':'")
}
