/** How words are written: in a configuration, and for a shell. */

/** One part of a configuration: a comment and the lines below it. Parts without lines are left out. */
export interface Part {
  readonly about: string
  readonly lines: readonly (string | undefined)[]
}

export function render({ about, lines }: Part): string {
  const kept = lines.filter((line) => line !== undefined)
  return kept.length === 0 ? '' : `# ${about}\n${kept.join('\n')}\n`
}

/** A word in double quotes, as httpd and mod_wsgi read them. */
export function quote(word: string): string {
  return `"${word.replace(/["\\]/g, '\\$&')}"`
}

/**
 * A path for the arguments that are wildcard patterns: of `<Directory>` and `<Files>`. A wildcard becomes a set of that one
 * character. A backslash would not do: a word whose wildcards are all escaped is no pattern, and its backslashes are ordinary characters.
 * So those of the path itself are doubled only beside wildcards.
 */
export function pattern(file: string): string {
  return /[*?[]/.test(file) ? file.replace(/[*?[]/g, '[$&]').replace(/\\/g, '\\\\') : file
}

/** The same for `Include`, which looks at each component of a path by itself. */
export function includePattern(file: string): string {
  return file.split('/').map(pattern).join('/')
}

/** Lines inside a section. */
export function section(name: string, argument: string, lines: readonly (string | undefined)[]): string[] {
  const kept = lines.filter((line) => line !== undefined)
  return [`<${name} ${argument}>`, ...kept.map((line) => `    ${line}`), `</${name}>`]
}

/** What holds in a directory. */
export function directory(folder: string, lines: readonly (string | undefined)[]): string[] {
  return section('Directory', quote(pattern(folder)), lines)
}

/** The value of a header as it is; mod_headers reads `%D` and its kin in it. */
export function headerValue(value: string): string {
  return quote(value.replaceAll('%', '%%'))
}

/** `name value` where there is a value. */
export function line(name: string, value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : `${name} ${value}`
}

/** The same with the value in quotes. */
export function quoted(name: string, value: string | undefined): string | undefined {
  return value === undefined ? undefined : `${name} ${quote(value)}`
}

export function shellWord(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
