/**
 * The differences that the records know of, as rows for docs/differences.md.
 */
import type { HttpdCase } from './case.js'
import { keyOf, type Records } from './records.js'

const BEGIN = '<!-- table of differences from httpd -->'
const END = '<!-- end of table of httpd -->'
const SHOWN_CHARACTERS = 300

export function rowsOf(cases: readonly HttpdCase[], records: Records): string[] {
  return cases.flatMap((one) =>
    one.questions.flatMap((question) => {
      const record = records.get(keyOf(one, question))
      if (record?.here === undefined) return []
      const { apache, here } = record
      const cells = [
        `${one.name}: ${question.title}`,
        onlyIn(apache, here),
        onlyIn(here, apache),
        question.why ?? '',
      ].map((cell) => cell.replaceAll('|', '\\|'))
      return [`| ${cells.join(' | ')} |`]
    }),
  )
}

/** The lines of one answer that the other lacks. */
function onlyIn(lines: readonly string[], others: readonly string[]): string {
  const text = lines
    .filter((line) => line !== '' && !others.includes(line))
    .join('; ')
    .replaceAll('`', "'")
  const cut = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text
  return cut === '' ? '' : `\`${cut}\``
}

export function withHttpdTable(page: string, cases: readonly HttpdCase[], records: Records): string {
  const start = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (start < 0 || end < start) throw new Error(`no line '${BEGIN}' before '${END}' in the page`)
  const head = '| Case | Apache | Here | Why |\n|---|---|---|---|\n'
  return `${page.slice(0, start)}${BEGIN}\n${head}${rowsOf(cases, records).join('\n')}\n${page.slice(end)}`
}
