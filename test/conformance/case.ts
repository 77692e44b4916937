/**
 * The conformance suite's cases: text files in `cases/`, one per area. README.md describes the form; this reads it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** How a case's client comes: plain HTTP/1.1, the same over TLS without or with a certificate of its own, HTTP/2 over TLS or with prior knowledge. */
export type Over = 'http' | 'tls' | 'tls-client' | 'h2' | 'h2c'

/** How the application of a case is run. `python2` is daemon mode on Python 2.7. */
export type Mode = 'embedded' | 'daemon' | 'python2'

export interface Case {
  /** `area: title`, which is what docs/differences.md calls it. */
  readonly name: string
  /** Letters, digits and hyphens: the case's part of paths and of the URL. */
  readonly id: string
  readonly modes: readonly Mode[]
  readonly over: Over
  /** Sections by name, their lines without the indentation; those before a file's first case apply to all its cases. */
  readonly sections: Readonly<Record<string, readonly string[]>>
}

const SECTION =
  /^(modes|over|conf|server|alias|run|script|send|expect|body|next|environ|log|differs|differs 6|file [\w./-]+)$/
const ALL_OVERS: readonly Over[] = ['http', 'tls', 'tls-client', 'h2', 'h2c']
const ALL_MODES: readonly Mode[] = ['embedded', 'daemon', 'python2']

export function readConformanceCases(): Case[] {
  const folder = fileURLToPath(new URL('../../../test/conformance/cases/', import.meta.url))
  const cases = readdirSync(folder)
    .filter((file) => file.endsWith('.txt'))
    .sort()
    .flatMap((file) => parseCases(file.slice(0, -4), readFileSync(folder + file, 'utf8')))
  const seen = new Set<string>()
  for (const { id, name } of cases) {
    if (seen.has(id)) throw new Error(`two cases are called ${name}`)
    seen.add(id)
  }
  return cases
}

/** @param area The file's name without its ending. */
export function parseCases(area: string, text: string): Case[] {
  return parseBlocks(area, text, SECTION).map(({ name, id, sections }) => {
    const modes = (sections.modes?.join(' ').split(/\s+/) ?? ALL_MODES) as readonly Mode[]
    for (const mode of modes) if (!ALL_MODES.includes(mode)) throw new Error(`${name}: no mode '${mode}'`)
    const over = (sections.over?.join('') ?? 'http') as Over
    if (!ALL_OVERS.includes(over)) throw new Error(`${name}: nothing goes over '${over}'`)
    return { name, id, modes, over, sections }
  })
}

/**
 * The cases of a file with their sections, whatever these mean.
 * @param known The names of sections that a case may have; another one throws.
 */
export function parseBlocks(area: string, text: string, known: RegExp): Omit<Case, 'modes' | 'over'>[] {
  const [common = '', ...parts] = text.split(/^== /m)
  const shared = parseSections(area, common, known)
  return parts.map((part) => {
    const end = part.indexOf('\n')
    const name = `${area}: ${part.slice(0, end).trim()}`
    const id = name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
    return { name, id, sections: { ...shared, ...parseSections(name, part.slice(end + 1), known) } }
  })
}

function parseSections(where: string, text: string, known: RegExp): Record<string, string[]> {
  const sections: Record<string, string[]> = {}
  let lines: string[] | undefined
  for (const line of text.split('\n')) {
    const head = /^([a-z][\w ./-]*):(?: (.*))?$/.exec(line)
    if (head !== null) {
      const [, name = '', value] = head
      if (!known.test(name)) throw new Error(`${where}: no section '${name}'`)
      lines = value === undefined ? [] : [value]
      sections[name] = lines
    } else if (line.startsWith('    ') && lines !== undefined) lines.push(line.slice(4))
    else if (line === '') lines?.push('')
    else if (!line.startsWith('#')) throw new Error(`${where}: not understood: ${line}`)
  }
  for (const section of Object.values(sections)) while (section.at(-1) === '') section.pop()
  return sections
}
