/** How bundled programs are loaded (scripts/load-program.cjs): with a code cache, without, and with one that does not fit. */
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import type { Script } from 'node:vm'
import { PROJECT } from '../support/server.js'

interface Loader {
  load(name: string, fingerprint: string): Record<string, unknown>
  readonly loaded: ReadonlyMap<string, Script>
}

const folder = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-test-'))
after(() => rmSync(folder, { recursive: true }))
copyFileSync(path.join(PROJECT, 'scripts/load-program.cjs'), path.join(folder, 'load-program.cjs'))
const { load, loaded } = createRequire(import.meta.url)(path.join(folder, 'load-program.cjs')) as Loader

function write(name: string, cache: Buffer | undefined): void {
  const text = `module.exports = { name: ${JSON.stringify(name)}, url: import_meta_url, sum: (a, b) => a + b }`
  writeFileSync(path.join(folder, `${name}.program.js`), text)
  if (cache !== undefined) writeFileSync(path.join(folder, `${name}.fp.cache`), cache)
}

function isRefused(name: string): boolean | undefined {
  return (loaded.get(name) as Script & { cachedDataRejected?: boolean }).cachedDataRejected
}

test('a program runs with its code cache, without one, and with one that is not its own', () => {
  write('one', undefined)
  const { name, url, sum } = load('one', 'fp') as {
    name: string
    url: string
    sum: (a: number, b: number) => number
  }
  assert.deepEqual([name, sum(1, 2), isRefused('one')], ['one', 3, undefined])
  assert.match(url, /^file:.*\/one\.js$/)
  const cache = (loaded.get('one') as Script).createCachedData()
  write('one', cache)
  assert.deepEqual([load('one', 'fp').name, isRefused('one')], ['one', false])
  write('another', cache)
  assert.deepEqual([load('another', 'fp').name, isRefused('another')], ['another', true])
  write('third', Buffer.from('no cache at all'))
  assert.deepEqual([load('third', 'fp').name, isRefused('third')], ['third', true])
})

test('the build has made the code caches of the programs', {
  skip: existsSync('/usr/bin/python3') ? false : 'no Python that every user can run',
}, () => {
  const names = readdirSync(path.join(PROJECT, 'build/program')).flatMap(
    (name) => /^(.+)\.[0-9a-f]+\.cache$/.exec(name)?.[1] ?? [],
  )
  assert.deepEqual(names.sort(), ['main', 'supervisor-main', 'worker-main'])
})
