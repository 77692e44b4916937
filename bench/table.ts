/**
 * The table of a scenario: a row for each server, medians and ranges over its turns, and what kept it from a figure.
 */

export interface Column {
  readonly key: string
  readonly title: string
  readonly digits?: number
}

export interface Row {
  readonly name: string
  readonly samples: readonly Readonly<Record<string, number>>[]
  /** What happened, a phrase each. */
  readonly remarks: ReadonlySet<string>
}

/** @returns lines of Markdown; the last column, where any row has something to say, is for remarks */
export function table(columns: readonly Column[], rows: readonly Row[]): string[] {
  const remarked = rows.some(({ remarks }) => remarks.size > 0)
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(['server', ...columns.map(({ title }) => title), ...(remarked ? ['what happened'] : [])]),
    `|---|${columns.map(() => '---:|').join('')}${remarked ? '---|' : ''}`,
    ...rows.map(({ name, samples, remarks }) =>
      line([
        name,
        ...columns.map((column) => cell(column, samples)),
        ...(remarked ? [[...remarks].join('; ').replace(/[|\s]+/g, ' ')] : []),
      ]),
    ),
  ]
}

/** The median, and the range where there is one. */
export function cell({ key, digits = 0 }: Column, samples: Row['samples']): string {
  const numbers = samples
    .map((sample) => sample[key])
    .filter((number): number is number => number !== undefined && !Number.isNaN(number))
    .sort((a, b) => a - b)
  const [first, last] = [numbers[0], numbers.at(-1)]
  if (first === undefined || last === undefined) return '–'
  const half = numbers.length >> 1
  const upper = numbers[half] as number
  const median = numbers.length % 2 === 1 ? upper : ((numbers[half - 1] as number) + upper) / 2
  const middle = median.toFixed(digits)
  return numbers.length === 1 ? middle : `${middle} (${first.toFixed(digits)}–${last.toFixed(digits)})`
}
