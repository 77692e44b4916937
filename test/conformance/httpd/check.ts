/**
 * What is said about a configuration (`check` sections): the first fault, as httpd stops there, or `Syntax OK`; and Apache's own answer to `-t`.
 */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { loadSite } from '../../../src/config/load.js'
import { vocabulary } from '../../../src/modules/registry.js'
import type { HttpdCase } from './case.js'
import { fill, folderOf, type Place } from './site.js'
import { constant } from './transcript.js'

/** Read before each case by both, so that the lines of the case keep their numbers. */
function before(folder: string): string[] {
  return [
    `ServerRoot ${folder}`,
    `DefaultRuntimeDir ${folder}`,
    'ServerName localhost',
    'Listen 127.0.0.1:1',
    'ErrorLog /dev/null',
    `DocumentRoot ${folder}`,
  ]
}

function writeCase(one: HttpdCase, text: string, place: Place): { folder: string; file: string } {
  const folder = folderOf(one, place)
  const file = path.join(folder, 'httpd.conf')
  writeFileSync(file, `${fill(text, one, place)}\n`, 'latin1')
  return { folder, file }
}

export function checkHere(one: HttpdCase, text: string, place: Place): string[] {
  const { folder, file } = writeCase(one, text, place)
  const said: string[] = []
  const source = { program: 'x', file, serverRoot: folder, environment: {}, vocabulary }
  loadSite({ ...source, before: before(folder) }, (line) => said.push(line))
  const fault = said.find((line) => /Syntax error/.test(line)) ?? 'Syntax OK'
  return (
    fault
      .replace(/^x: /, '')
      // ours alone: a further line that helps
      .replace(/\n(Did you mean .*|\(included from .*|[A-Z][^\n]* is httpd 2\.2.*)/g, '')
      .split('\n')
      .map((line) => constant(line, one, place))
  )
}

/** @param load The words that make Apache load its modules. */
export async function checkApache(
  program: string,
  load: readonly string[],
  one: HttpdCase,
  text: string,
  place: Place,
): Promise<string[]> {
  const { folder, file } = writeCase(one, text, place)
  const words = [...load, ...before(folder)].flatMap((line) => ['-C', line])
  const { stderr } = await promisify(execFile)(program, [...words, '-t', '-f', file], {
    encoding: 'latin1',
  }).catch((error: { stderr: string }) => error)
  return stderr
    .split('\n')
    .filter((line) => line !== '' && !/^\[|^AH00(112|558)/.test(line))
    .join('\n')
    .replace(/^apache2: /, '')
    .replaceAll('\\n', '\n')
    .trim()
    .split('\n')
    .map((line) => constant(line, one, place))
}
