/**
 * The tables of docs/api.md: written from the declarations of `MountOptions` and `ServeOptions`, whose comments editors show as well.
 */

/** Marks in the page between which a table stands. */
const TABLE = /(<!-- options of (?<name>\w+): `npm run docs` -->\n)[^]*?(<!-- end -->)/g

interface Option {
  readonly name: string
  readonly type: string
  readonly byDefault: string
  readonly about: string
}

/**
 * @param page the present text of the page
 * @param sources texts of the files that declare the interfaces
 * @throws Error for a mark that no interface answers to
 */
export function apiPage(page: string, sources: readonly string[]): string {
  return page.replace(TABLE, (...found) => {
    const { name = '' } = found.at(-1) as Record<string, string>
    return `${found[1]}\n${tablesOf(name, sources)}\n${found[3]}`
  })
}

function tablesOf(name: string, sources: readonly string[]): string {
  const start = new RegExp(`^export interface ${name} \\{\\n([^]*?)^\\}`, 'm')
  const body = sources.map((source) => start.exec(source)?.[1]).find((text) => text !== undefined)
  if (body === undefined) throw new Error(`there is no interface ${name}`)
  // comments of their own lines are headings
  const parts = body.split(/^ {2}\/\/ (.+)\n/m)
  const tables: string[] = []
  if (parts[0]?.trim()) tables.push(tableOf(parts[0]))
  for (let at = 1; at < parts.length; at += 2)
    tables.push(`### ${parts[at]}\n\n${tableOf(parts[at + 1] as string)}`)
  return tables.join('\n')
}

function tableOf(text: string): string {
  const rows = optionsOf(text).map(
    ({ name, type, byDefault, about }) => `| \`${name}\` | ${cell(type)} | ${byDefault} | ${about} |`,
  )
  return ['| option | type | default | |', '|---|---|---|---|', ...rows, ''].join('\n')
}

function optionsOf(text: string): Option[] {
  return [...text.matchAll(/^ {2}\/\*\*([^]*?)\*\/\n {2}readonly (\w+)(\??): (.+)$/gm)].map(
    ([, comment = '', name = '', optional, type = '']) => {
      const words = comment.replace(/^ *\* ?/gm, '').trim()
      const [about = '', byDefault] = words.split(/^@default /m)
      return {
        name,
        type: type.replace(/ \| undefined$/, '').replace(/^\((.*)\)$/, '$1'),
        byDefault: byDefault === undefined ? (optional ? '' : 'needed') : byDefault.trim(),
        about: about.trim().replace(/\s+/g, ' '),
      }
    },
  )
}

function cell(type: string): string {
  const shown = type
    .replace('readonly string[]', 'string[]')
    .replace(/Readonly<Record<string, (.+)>>/, 'object of $1')
  return `\`${shown.replaceAll('|', '\\|')}\``
}
