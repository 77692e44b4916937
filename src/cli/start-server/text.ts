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

/** Lines inside a section. */
export function section(name: string, argument: string, lines: readonly (string | undefined)[]): string[] {
  const kept = lines.filter((line) => line !== undefined)
  return [`<${name} ${argument}>`, ...kept.map((line) => `    ${line}`), `</${name}>`]
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
