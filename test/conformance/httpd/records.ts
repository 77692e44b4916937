/**
 * What Apache httpd answered to each question, and where we answer differently on purpose, what we do: `records/AREA.txt`, written by
 * `npm run conformance:apache -- --write` and never by hand.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type HttpdCase, type Question, RECORDS } from './case.js'

export interface Answer {
  readonly apache: readonly string[]
  /** Only where it is another one. */
  readonly here?: readonly string[]
}

/** By `case > question`. */
export type Records = Map<string, Answer>

export function keyOf(one: HttpdCase, question: Question): string {
  return `${one.name} > ${question.title}`
}

export function readRecords(areas: Iterable<string>): Records {
  const records: Records = new Map()
  for (const area of new Set(areas)) {
    const file = `${RECORDS}${area}.txt`
    if (existsSync(file)) parse(readFileSync(file, 'utf8'), records)
  }
  return records
}

function parse(text: string, records: Records): void {
  for (const block of text.split(/^== /m).slice(1)) {
    const [key = '', ...lines] = block.trimEnd().split('\n')
    const at = lines.indexOf('-- here')
    const unindented = (part: readonly string[]) => part.map((line) => line.slice(4))
    records.set(key, {
      apache: unindented(at < 0 ? lines : lines.slice(0, at)),
      ...(at < 0 ? {} : { here: unindented(lines.slice(at + 1)) }),
    })
  }
}

/** As a file of records keeps lines: without blanks at their ends and empty lines in the end. */
export function settled(lines: readonly string[]): string[] {
  const kept = lines.map((line) => line.trimEnd())
  while (kept.at(-1) === '') kept.pop()
  return kept
}

/** Writes the records of whole areas. */
export function writeRecords(cases: readonly HttpdCase[], records: Records): void {
  for (const area of new Set(cases.map((one) => one.area))) {
    const blocks = cases
      .filter((one) => one.area === area)
      .flatMap((one) => one.questions.map((question) => keyOf(one, question)))
      .flatMap((key) => {
        const answer = records.get(key)
        return answer === undefined ? [] : [blockOf(key, answer)]
      })
    writeFileSync(`${RECORDS}${area}.txt`, blocks.join(''))
  }
}

function blockOf(key: string, { apache, here }: Answer): string {
  const indented = (lines: readonly string[]) => settled(lines).map((line) => `    ${line}`.trimEnd())
  const lines = [...indented(apache), ...(here === undefined ? [] : ['-- here', ...indented(here)])]
  return `== ${key}\n${lines.join('\n')}\n`
}
