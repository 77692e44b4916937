/**
 * The cases about the server around the applications: text files in `cases/`, one per area, in the form that README.md describes. A case has a
 * virtual host and a directory of its own, and each request in it is judged by itself.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseBlocks } from '../case.js'

export interface HttpdCase {
  /** `area: title`. */
  readonly name: string
  readonly area: string
  /** Letters, digits and hyphens: the name of its virtual host and directory. */
  readonly id: string
  readonly sections: Readonly<Record<string, readonly string[]>>
  readonly questions: readonly Question[]
}

/** One thing that both servers are asked. */
export interface Question {
  /** What the records and docs/differences.md call it, unique within its case. */
  readonly title: string
  readonly kind: 'request' | 'raw' | 'log' | 'check'
  /** The line, the bytes, the name of the file, or the text of the configuration. */
  readonly text: string
  /** Why we answer differently from Apache, on purpose. */
  readonly why: string | undefined
}

const SECTION = /^(conf|main|get|logs|check|raw [\w .,:/+-]+|(file|link|mode) [\w./%+ -]+)$/
const FOLDER = fileURLToPath(new URL('../../../../test/conformance/httpd/', import.meta.url))

export const RECORDS = `${FOLDER}records/`

const REASONS: ReadonlyMap<string, string> = new Map(
  readFileSync(`${FOLDER}reasons.txt`, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
)

/** @param words Only the cases whose names contain one of them; all without. */
export function readHttpdCases(words: readonly string[] = []): HttpdCase[] {
  const cases = readdirSync(`${FOLDER}cases`)
    .filter((file) => file.endsWith('.txt'))
    .sort()
    .flatMap((file) => parseArea(file.slice(0, -4), readFileSync(`${FOLDER}cases/${file}`, 'utf8')))
  const seen = new Set<string>()
  for (const { id, name } of cases) {
    if (seen.has(id)) throw new Error(`two cases are called ${name}`)
    seen.add(id)
  }
  return cases.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
}

function parseArea(area: string, text: string): HttpdCase[] {
  return parseBlocks(area, text, SECTION).map((block) => ({
    ...block,
    area,
    questions: questionsOf(block.name, block.sections),
  }))
}

/** In sections of requests and logs, a line that begins with `!` says why the one above it is answered differently here. */
function questionsOf(name: string, sections: HttpdCase['sections']): Question[] {
  const questions: Question[] = []
  const add = (kind: Question['kind'], title: string, text: string, why?: string): void => {
    if (questions.some((other) => other.title === title)) throw new Error(`${name}: asked twice: ${title}`)
    questions.push({ kind, title, text, why })
  }
  for (const [section, lines] of Object.entries(sections)) {
    if (section === 'get' || section === 'logs') {
      for (const [at, line] of lines.entries()) {
        if (line === '' || line.startsWith('!')) continue
        const kind = section === 'get' ? 'request' : 'log'
        add(kind, kind === 'log' ? `log ${line}` : line, line, reasonAt(lines, at + 1))
      }
    } else if (section === 'check' || section.startsWith('raw ')) {
      const why = reasonAt(lines, 0)
      const text = lines.slice(why === undefined ? 0 : 1).join('\n')
      add(section === 'check' ? 'check' : 'raw', section, text, why)
    }
  }
  return questions
}

function reasonAt(lines: readonly string[], at: number): string | undefined {
  const line = lines[at]
  return line?.startsWith('! ') ? reason(line.slice(2)) : undefined
}

/** `@name` stands for a reason that several cases share, in `reasons.txt`. */
function reason(text: string): string {
  if (!text.startsWith('@')) return text
  const shared = REASONS.get(text.slice(1))
  if (shared === undefined) throw new Error(`no reason '${text}' in reasons.txt`)
  return shared
}
