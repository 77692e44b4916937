/**
 * The file of results: one section for each scenario, between marks, so that one scenario can be measured anew without the others.
 */

const HEAD = `# Measured beside other servers

Made by \`npm run bench\`; one scenario alone by \`npm run bench -- SCENARIO\`. Medians, and in brackets the range over all rounds. Servers of one table
took turns; figures of different tables, or of different days, cannot be compared, since the machine is shared. What the figures mean, and where
a request's time goes: [docs/performance.md](../docs/performance.md).
`

const begin = (name: string) => `<!-- scenario ${name} -->\n`
const END = '<!-- end -->\n'

/**
 * @param before the file as it is, empty for none
 * @param order all scenarios' names, in the order of their sections
 * @returns the file with the scenario's section in its place
 */
export function replaceSection(
  before: string,
  order: readonly string[],
  name: string,
  section: string,
): string {
  const sections = order.flatMap((one) => {
    const text = one === name ? section : sectionOf(before, one)
    return text === undefined ? [] : [`\n${begin(one)}${text}${END}`]
  })
  return HEAD + sections.join('')
}

function sectionOf(text: string, name: string): string | undefined {
  const from = text.indexOf(begin(name))
  if (from < 0) return undefined
  const start = from + begin(name).length
  const end = text.indexOf(END, start)
  return end < 0 ? undefined : text.slice(start, end)
}
