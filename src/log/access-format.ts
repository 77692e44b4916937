/**
 * `LogFormat` compiled once into a function from a finished request to a line.
 * https://httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats
 */
import type { Request } from '../request/request.js'
import { ACCESS_ITEMS, type Printer, startLine } from './access-items.js'
import { isJsonFormat, jsonText } from './json-text.js'
import type { ServerNames } from './names.js'

/** Literal text and the item behind it. */
interface Part {
  readonly text: string
  readonly print: Printer
  readonly ofOriginal: boolean
}

/** `%` modifiers `{arg}` item: conditions (`!` and statuses), `<`, `>` and the argument may come in any order. */
const ITEM = /%((?:[!<>,]|\d|\{[^}]*\}?)*)(\^[A-Za-z]{2}|.?)/suy

/**
 * @returns a function that takes the last request of a chain of internal redirects and returns the line without its end
 * @throws Error with httpd's words for an unknown item
 */
export function compileLogFormat(format: string, names: ServerNames): (request: Request) => string {
  const known = compiled.get(names) ?? new Map<string, (request: Request) => string>()
  compiled.set(names, known)
  const print = known.get(format) ?? compile(format, names)
  known.set(format, print)
  return print
}

/** By where names come from, which is one for a site: a format that many servers have is one function, which the engine gets to know once. */
const compiled = new WeakMap<ServerNames, Map<string, (request: Request) => string>>()

function compile(format: string, names: ServerNames): (request: Request) => string {
  const { parts, tail } = parse(format, names)
  return function formatAccessLine(request) {
    startLine()
    const { original } = request
    let line = ''
    for (let at = 0; at < parts.length; at++) {
      const part = parts[at] as Part
      line += part.text + part.print(part.ofOriginal ? original : request)
    }
    return line + tail
  }
}

/** Whether a format asks for bytes received (`%I`, `%S`), which somebody then has to count. */
export function countsInput(format: string): boolean {
  return [...format.matchAll(new RegExp(ITEM, 'gsu'))].some(([, , name]) => name === 'I' || name === 'S')
}

function parse(format: string, names: ServerNames): { parts: Part[]; tail: string } {
  const parts: Part[] = []
  const finish = isJsonFormat(format) ? asJson : asItIs
  let text = ''
  let at = 0
  while (at < format.length) {
    const percent = format.indexOf('%', at)
    const literal = percent < 0 ? format.slice(at) : format.slice(at, percent)
    text += unescapeLiteral(literal)
    if (percent < 0) break
    ITEM.lastIndex = percent
    const [whole, modifiers = '', name = ''] = ITEM.exec(format) as RegExpExecArray
    at = percent + whole.length
    if (whole === '%%') text += '%'
    else {
      parts.push({ text, ...finish(item(modifiers, name, names)) })
      text = ''
    }
  }
  return { parts, tail: text }
}

type Printing = Omit<Part, 'text'>

function asItIs(printing: Printing): Printing {
  return printing
}

function asJson({ print, ofOriginal }: Printing): Printing {
  return { print: (request) => jsonText(print(request)), ofOriginal }
}

function item(modifiers: string, name: string, names: ServerNames): Printing {
  if (name === '') throw new Error('Ran off end of LogFormat parsing args to some directive')
  const found = Object.hasOwn(ACCESS_ITEMS, name) ? ACCESS_ITEMS[name] : undefined
  if (found === undefined) throw new Error(`Unrecognized LogFormat directive %${name[0]}`)
  const args = [...modifiers.matchAll(/\{([^}]*)\}?/g)]
  const options = modifiers.replace(/\{[^}]*\}?/g, '')
  const print = found.printer(args.at(-1)?.[1] ?? '', names)
  const which = [...options.matchAll(/[<>]/g)].at(-1)?.[0]
  const ofOriginal = which === undefined ? found.ofOriginal : which === '<'
  const statuses = new Set([...options.matchAll(/\d+/g)].map(([digits]) => Number(digits)))
  if (statuses.size === 0) return { print, ofOriginal }
  const negated = options.split('!').length % 2 === 0
  return conditional(print, ofOriginal, statuses, negated)
}

/** `%404,410{Referer}i`: the condition looks at the status of the last request, whichever request the item prints. */
function conditional(
  print: Printer,
  ofOriginal: boolean,
  statuses: ReadonlySet<number>,
  negated: boolean,
): Printing {
  const chosen: Printer = (last) =>
    statuses.has(last.status) === negated ? '-' : print(ofOriginal ? last.original : last)
  return { print: chosen, ofOriginal: false }
}

/** `\n`, `\t`, `\r` and `\\`; any other backslash stays. The configuration reader has taken care of `\"`. */
function unescapeLiteral(literal: string): string {
  return literal.replace(/\\([\\nrt])/g, (_, letter: string) => ESCAPES[letter] as string)
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\', n: '\n', r: '\r', t: '\t' }
