/**
 * Faults in configurations, word for word as httpd tells them: the cases in cases/httpd/faults.txt, given to our reader and, where one is installed,
 * to an Apache httpd 2.4. `FILE` and `DIR` stand for the file that is read and its directory.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { loadSite } from '../../src/config/load.js'
import { vocabulary } from '../../src/modules/registry.js'

const APACHE = '/usr/sbin/apache2'
const MODULES = '/usr/lib/apache2/modules'
const LOADED = ['mpm_event', 'authz_core', 'alias', 'dir', 'macro']

const cases = readFileSync(new URL('../../../test/config/cases/httpd/faults.txt', import.meta.url), 'latin1')
  .split(/^====\n/m)
  .map((text) => text.split(/^----\n/m) as [string, string])

let directory = ''
before(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-config-'))
})
after(() => rmSync(directory, { recursive: true }))

for (const [index, [input, expected]] of cases.entries()) {
  const title = `${index + 1}: ${expected.trim().split('\n').at(-1)?.slice(0, 80) || 'no fault'}`
  test(`we say ${title}`, () => {
    const file = path.join(directory, `${index}.conf`)
    writeFileSync(file, input, 'latin1')
    const said: string[] = []
    loadSite(
      { program: 'x', file, serverRoot: directory, environment: {}, vocabulary, before: preamble() },
      (text) => said.push(text),
    )
    // the first fault alone: httpd stops there; without our own third line
    const fault = said.find((text) => /Syntax error/.test(text)) ?? ''
    assert.equal(withoutHints(named(fault.replace(/^x: /, ''), file)), expected.trimEnd())
  })

  test(`httpd says ${title}`, { skip: existsSync(APACHE) ? false : `no ${APACHE} here` }, async () => {
    const file = path.join(directory, `${index}-httpd.conf`)
    writeFileSync(file, input, 'latin1')
    assert.equal(named(await askHttpd(file), file), expected.trimEnd())
  })
}

/** Read before each case by both, so that the lines of the case keep their numbers. */
function preamble(): string[] {
  return [
    `ServerRoot ${directory}`,
    `DefaultRuntimeDir ${directory}`,
    'ServerName localhost',
    'Listen 127.0.0.1:1',
    'ErrorLog /dev/null',
    `DocumentRoot ${directory}`,
  ]
}

async function askHttpd(file: string): Promise<string> {
  const loaded = LOADED.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`)
  const args = [...loaded, ...preamble()].flatMap((line) => ['-C', line])
  const { stderr } = await promisify(execFile)(APACHE, [...args, '-t', '-f', file], {
    encoding: 'latin1',
  }).catch((error: { stderr: string }) => error)
  return stderr
    .split('\n')
    .filter((line) => line !== 'Syntax OK' && !/^\[|^AH00(112|558)/.test(line))
    .join('\n')
    .replace(/^apache2: /, '')
    .replaceAll('\\n', '\n')
    .trim()
}

function named(text: string, file: string): string {
  return text.replaceAll(file, 'FILE').replaceAll(directory, 'DIR')
}

function withoutHints(text: string): string {
  return text.replace(/\n(Did you mean .*|\(included from .*)/g, '')
}
