/**
 * From the words after `start-server` to the options given. Pure; the table is options.ts.
 */
import { didYouMean } from '../../config/did-you-mean.js'
import { UsageError } from '../usage-error.js'
import type { Option } from './option.js'
import { OPTIONS } from './options.js'
import { NOT_OURS, NOT_YET } from './refused.js'

const BY_NAME: ReadonlyMap<string, Option> = new Map(
  OPTIONS.flatMap((option) => [option.name, option.alias ?? []].flat().map((name) => [name, option])),
)

/** The options that were given. Names are checked against the table, so that a slip in this program fails at once. */
export class Given {
  readonly #words = new Map<string, (readonly string[])[]>()

  constructor(readonly entry: string | undefined) {}

  add(option: Option, words: readonly string[]): void {
    const earlier = this.#words.get(option.name) ?? []
    this.#words.set(option.name, option.many ? [...earlier, words] : [words])
  }

  has(name: string): boolean {
    return this.#all(name).length > 0
  }

  /** The word of an option that takes one. */
  text(name: string): string | undefined {
    return this.#all(name)[0]?.[0]
  }

  /** The words of a repeatable option that takes one. */
  list(name: string): string[] {
    return this.#all(name).map((words) => words[0] as string)
  }

  /** The words of a repeatable option that takes two. */
  pairs(name: string): [string, string][] {
    return this.#all(name).map((words) => [words[0] as string, words[1] as string])
  }

  #all(name: string): readonly (readonly string[])[] {
    if (!BY_NAME.has(name)) throw new Error(`start-server has no option --${name}`)
    return this.#words.get(name) ?? []
  }
}

/**
 * Reads options (`--name word`, `--name=word`) and the entry point in any order. `$NAME` and `${NAME}` in words are replaced from the
 * environment where the variable is set; `--` ends the options.
 * @throws UsageError for what is unknown, not available, incomplete or badly formed.
 */
export function parseOptions(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  command = 'start-server',
): Given {
  const rest = words.map((word) => expandVariables(word, environment))
  const found: [Option, string[]][] = []
  const entries: string[] = []
  while (rest.length > 0) {
    const word = rest.shift() as string
    if (word === '--') entries.push(...rest.splice(0))
    else if (word.startsWith('--')) found.push(takeOption(word, rest, command))
    else if (word.startsWith('-') && word !== '-') throw new UsageError(unknown(word), command)
    else entries.push(word)
  }
  if (entries.length > 1)
    throw new UsageError(`one SCRIPT is expected, not ${entries.join(' and ')}`, command)
  const given = new Given(found.find(([option]) => option.name === 'entry-point')?.[1][0] ?? entries[0])
  for (const [option, values] of found) given.add(option, values)
  return given
}

function takeOption(word: string, rest: string[], command: string): [Option, string[]] {
  const [, name, attached] = /^--([^=]*)(?:=(.*))?$/s.exec(word) as unknown as [string, string, string?]
  const option = BY_NAME.get(name)
  if (option === undefined) throw new UsageError(refusal(name), command)
  const values = attached === undefined ? [] : [attached]
  while (values.length < option.words.length && rest.length > 0 && !isOption(rest[0] as string))
    values.push(rest.shift() as string)
  if (values.length < option.words.length)
    throw new UsageError(`--${name} needs ${option.words.join(' ')}`, command)
  if (values.length > option.words.length) throw new UsageError(`--${name} takes no value`, command)
  const bad = values.find((value) => /[\0\r\n]/.test(value))
  const wrong = bad === undefined ? option.check?.(values) : 'must be one line of text'
  if (wrong !== undefined) throw new UsageError(`--${name} ${wrong}, not '${values.join(' ')}'`, command)
  return [option, values]
}

/** What begins another option is no value of this one; `--name=--port` says that it is. */
function isOption(word: string): boolean {
  return word.startsWith('--') && BY_NAME.has(word.replace(/^--|=.*/gs, ''))
}

function refusal(name: string): string {
  if (NOT_YET.has(name)) return `--${name} is an option of mod_wsgi-express that is not available yet`
  const reason = Object.hasOwn(NOT_OURS, name) ? NOT_OURS[name] : undefined
  if (reason !== undefined) return `--${name} has no meaning here: ${reason}`
  return unknown(`--${name}`)
}

function unknown(word: string): string {
  const meant = didYouMean(word.replace(/^-+|=.*/gs, ''), BY_NAME.keys())
  return `unknown option ${word}${meant === undefined ? '' : `. Did you mean --${meant}?`}`
}

function expandVariables(word: string, environment: Readonly<Record<string, string | undefined>>): string {
  return word.replace(/\$(?:(\w+)|\{(\w+)\})/g, (text, plain, braced) => environment[plain ?? braced] ?? text)
}
