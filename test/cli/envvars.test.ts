import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { readEnvvars } from '../../src/cli/envvars.js'

const folder = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-test-'))
const conf = path.join(folder, 'apache2.conf')
const file = path.join(folder, 'envvars')
after(() => rmSync(folder, { recursive: true }))

function write(text: string, mode = 0o644): void {
  writeFileSync(file, text)
  chmodSync(file, mode)
}

test('nothing where there is no such file', () => {
  assert.deepEqual(readEnvvars(path.join(folder, 'elsewhere', 'apache2.conf'), {}), {})
})

test('what it exports and the environment lacks', () => {
  write('. /dev/null\nSUFFIX=-x\necho noise\nexport A=1$SUFFIX\nexport B="two\nlines"\nexport C=file\n')
  assert.deepEqual(readEnvvars(conf, { C: 'mine', PATH: '/bin' }), { A: '1-x', B: 'two\nlines' })
})

test('it knows its directory, as under apachectl', () => {
  write('export WHERE="$APACHE_CONFDIR"\n')
  assert.deepEqual(readEnvvars(conf, {}), { WHERE: folder })
})

test('a file that others can change, or that fails, is refused', () => {
  write('export A=1\n', 0o666)
  assert.throws(() => readEnvvars(conf, {}), /other users can change/)
  write('no-such-command || exit 3\n')
  assert.throws(() => readEnvvars(conf, {}), /envvars cannot be read: /)
})
