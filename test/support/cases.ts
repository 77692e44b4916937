/**
 * Test cases as text files: the input, a line of dashes, what is expected. A line of dashes with a name starts a further file of the input.
 *
 *     Include other.conf
 *     ---- other.conf
 *     ServerName a
 *     ----
 *     1 ServerName a
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Case {
  /** The file's name without its ending. */
  readonly name: string
  readonly input: string
  /** Further files of the input by name. */
  readonly files: Readonly<Record<string, string>>
  readonly expected: string
}

/** The cases in a folder of `test/`, which stays where it is when tests are compiled to `build/test/`. */
export function readCases(folder: string): Case[] {
  const directory = fileURLToPath(new URL(`../../../test/${folder}/`, import.meta.url))
  return readdirSync(directory)
    .filter((file) => file.endsWith('.txt'))
    .sort()
    .map((file) => parseCase(file.slice(0, -4), readFileSync(directory + file, 'latin1')))
}

function parseCase(name: string, text: string): Case {
  const parts = text.split(/^----(?: (.+))?\n/m)
  const files: Record<string, string> = {}
  for (let at = 1; at < parts.length - 2; at += 2) files[parts[at] as string] = parts[at + 1] as string
  if (parts.length < 3 || parts.at(-2) !== undefined)
    throw new Error(`${name}: no line of dashes before what is expected`)
  return { name, input: parts[0] as string, files, expected: (parts.at(-1) as string).trimEnd() }
}
