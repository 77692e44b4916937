/**
 * `<Macro>`, `Use`, `UndefMacro`: text with parameters, put into the stream of lines where it is used.
 * @see https://httpd.apache.org/docs/2.4/mod/mod_macro.html
 */
import { FaultHere } from './errors.js'
import { type Position, sourceName } from './position.js'
import { splitWords } from './words.js'

interface Macro {
  /** Lower case: names of macros have no case. */
  readonly name: string
  readonly parameters: readonly string[]
  readonly lines: readonly string[]
  /** `macro 'x' (defined on line 3 of "f")`. */
  readonly title: string
}

export interface MacroUse {
  readonly title: string
  readonly lines: readonly string[]
  /** Identifies the macro, to see that it does not use itself. */
  readonly name: string
}

export class Macros {
  readonly #macros = new Map<string, Macro>()
  /** Set by `MacroIgnoreBadNesting`. */
  ignoreBadNesting = false

  /**
   * Reads `name par1 … parN` and then, from `next`, the lines up to the matching `</Macro>`.
   * @param next gives the lines that follow the opening one
   * @throws FaultHere
   */
  define(
    text: string,
    at: Position,
    next: () => string | undefined,
    warn: (message: string, code: string) => void,
  ): void {
    const [first, ...parameters] = splitWords(text)
    if (first === undefined) throw new FaultHere('<Macro macro definition: empty name')
    const name = first.toLowerCase()
    const title = `macro '${name}' (defined on line ${at.line} of "${sourceName(at)}")`
    checkParameters(title, parameters, warn)
    const lines = readBody(title, next, this.ignoreBadNesting ? () => {} : warn)
    if (lines.length === 0) warn(`${title}: empty contents!`, 'AH02799')
    const before = this.#macros.get(name)
    if (before !== undefined) warn(`${title} replaces ${before.title}`, 'AH02802')
    this.#macros.set(name, { name, parameters, lines, title })
  }

  /** @throws FaultHere */
  undefine(word: string): void {
    if (this.#macros.size === 0) throw new FaultHere('no macro defined before UndefMacro')
    if (!this.#macros.delete(word.toLowerCase()))
      throw new FaultHere(`cannot remove undefined macro '${word.toLowerCase()}'`)
  }

  /**
   * The lines that `Use name value1 … valueN` stands for.
   * @param isActive whether a macro of that name is being read
   * @throws FaultHere
   */
  use(text: string, at: Position, isActive: (name: string) => boolean): MacroUse {
    if (this.#macros.size === 0) throw new FaultHere('no macro defined before Use')
    const [first, ...values] = splitWords(text)
    if (first === undefined || first === '') throw new FaultHere('no macro name specified in Use')
    const name = first.toLowerCase()
    const macro = this.#macros.get(name)
    if (macro === undefined) throw new FaultHere(`macro '${name}' undefined`)
    if (isActive(name)) throw new FaultHere(`recursive use of macro '${name}' is invalid`)
    if (values.length !== macro.parameters.length)
      throw new FaultHere(
        `${macro.title} used with ${values.length} arguments instead of ${macro.parameters.length}`,
      )
    const title = `${macro.title} used on line ${at.line} of "${sourceName(at)}"`
    return { title, name, lines: macro.lines.map((line) => substitute(line, macro.parameters, values)) }
  }
}

function checkParameters(
  title: string,
  parameters: readonly string[],
  warn: (message: string, code: string) => void,
): void {
  for (const [index, parameter] of parameters.entries()) {
    if (parameter === '') throw new FaultHere(`${title}: empty argument #${index + 1} name`)
    if (!/^[$%@]/.test(parameter))
      warn(
        `${title} argument name '${parameter}' (#${index + 1}) without expected prefix, better prefix argument names with one of '$%@'.`,
        'AH02796',
      )
    for (const [later, other] of parameters.entries()) {
      if (later <= index) continue
      if (other === parameter)
        throw new FaultHere(
          `argument name conflict in ${title}: argument '${parameter}': #${index + 1} and #${later + 1}, change argument names!`,
        )
    }
  }
}

function readBody(
  title: string,
  next: () => string | undefined,
  warn: (message: string, code: string) => void,
): string[] {
  const lines: string[] = []
  let macros = 0
  let nesting = 0
  for (;;) {
    const line = next()
    if (line === undefined) throw new FaultHere(`${title}: expected token not found: </Macro>`)
    if (line.startsWith('#')) continue
    const word = /^\S*/.exec(line)?.[0].toLowerCase() as string
    if (word === '</macro>' && macros === 0) break
    if (word === '</macro>') macros--
    else if (word === '<macro') macros++
    if (word.startsWith('</')) nesting--
    else if (word.startsWith('<')) nesting++
    lines.push(line)
  }
  if (nesting !== 0)
    warn(`bad cumulated nesting (${nesting > 0 ? '+' : ''}${nesting}) in ${title}`, 'AH02795')
  return lines
}

/** At each place the longest parameter that stands there; what was put in is not looked at again. */
function substitute(line: string, parameters: readonly string[], values: readonly string[]): string {
  if (parameters.length === 0) return line
  const longestFirst = [...parameters].sort((a, b) => b.length - a.length)
  const pattern = longestFirst
    .map((parameter) => parameter.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
    .join('|')
  return line.replace(new RegExp(pattern, 'g'), (found) => values[parameters.indexOf(found)] as string)
}
