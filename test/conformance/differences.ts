/**
 * The differences between Apache with mod_wsgi and wsgi-httpd, as the cases know them, and their table in docs/differences.md.
 */
import type { Case } from './case.js'
import type { Release } from './mod-wsgi-module.js'
import { knownDifferences, type Outcome } from './run.js'

export interface Difference {
  /** `area: title` of the case. */
  readonly name: string
  readonly mode: 'embedded' | 'daemon' | 'both'
  readonly why: string
}

/** One for each case and reason, in the order of the cases. */
export function describeDifferences(cases: readonly Case[], release: Release): Difference[] {
  return cases.flatMap((one) => {
    const known = [...knownDifferences(one, release)]
    const [first, second] = known
    if (first !== undefined && second !== undefined && first[1] === second[1])
      return [{ name: one.name, mode: 'both' as const, why: first[1] }]
    return known.map(([mode, why]) => ({ name: one.name, mode: mode as Difference['mode'], why }))
  })
}

const END = '<!-- end of table -->'

/** What a release's table begins with in the page. */
function beginningOf(release: Release): string {
  return `<!-- table of differences from mod_wsgi ${release} -->`
}

/** The lines of a release's table in the page. */
export function tableIn(page: string, release: Release): string[] {
  const [start, end] = placeIn(page, release)
  return page.slice(start, end).split('\n')
}

function placeIn(page: string, release: Release): [start: number, end: number] {
  const begin = beginningOf(release)
  const start = page.indexOf(begin)
  const end = page.indexOf(END, start)
  if (start < 0 || end < 0) throw new Error(`no line '${begin}' before '${END}' in the page`)
  return [start + begin.length, end]
}

/** Without what is new in each run. */
function constant(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/0x[0-9a-f]{6,}/g, '0x…')
    .replace(/\/tmp\/wsgi-httpd-conformance-\w+/g, '…')
}

/** The page with that release's table made anew from what Apache did. */
export function withTable(
  page: string,
  cases: readonly Case[],
  release: Release,
  outcomes: readonly Outcome[],
): string {
  const [start, end] = placeIn(page, release)
  const rows = describeDifferences(cases, release).map(({ name, mode, why }) => {
    const seen = outcomes
      .filter(
        ({ run, wrong }) =>
          run.case.name === name && (mode === 'both' || run.mode === mode) && wrong.length > 0,
      )
      .map(({ wrong }) => wrong.join('; '))
    const shown = [...new Set(seen.map(constant))].map((text) =>
      text.replaceAll('|', '\\|').replaceAll('`', "'"),
    )
    return `| ${name} | ${mode} | ${shown.map((text) => `\`${text}\``).join(', ')} | ${why} |`
  })
  const head = '| Case | Mode | What Apache does instead | Why we differ |\n|---|---|---|---|\n'
  return `${page.slice(0, start)}\n${head}${rows.join('\n')}\n${page.slice(end)}`
}
