import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { claimServerRoot, replaceFile, writeGenerated } from '../../../src/cli/start-server/server-root.js'

const uid = process.getuid?.() ?? 0
const use = { uid, mode: 0o700, isNamed: false, isEntered: false }
const base = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-test-'))
after(() => rmSync(base, { recursive: true }))

test('makes the directory, and takes over its own', () => {
  const directory = path.join(base, 'own')
  for (const mode of [0o700, 0o711]) {
    claimServerRoot(directory, { ...use, mode })
    assert.equal(statSync(directory).mode & 0o777, mode)
  }
})

test('refuses what somebody else may have put there', () => {
  const target = path.join(base, 'target')
  mkdirSync(target)
  const link = path.join(base, 'link')
  symlinkSync(target, link)
  assert.throws(
    () => claimServerRoot(link, use),
    /is a symbolic link; remove it, or name another with --server-root/,
  )
  assert.throws(
    () => claimServerRoot(link, { ...use, isNamed: true }),
    /is a symbolic link; name another with --server-root$/,
  )
  assert.throws(() => claimServerRoot(target, { ...use, uid: uid + 1 }), /belongs to the user with id/)
  const open = path.join(base, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  assert.throws(() => claimServerRoot(open, use), /is writable by others; close it with chmod go-w, or/)
  writeFileSync(path.join(base, 'file'), '')
  assert.throws(() => claimServerRoot(path.join(base, 'file'), use), /is not a directory/)
})

test('a directory that somebody names keeps its permissions', () => {
  const directory = path.join(base, 'named')
  mkdirSync(directory)
  for (const mode of [0o755, 0o700]) {
    chmodSync(directory, mode)
    claimServerRoot(directory, { ...use, mode: 0o711, isNamed: true })
    assert.equal(statSync(directory).mode & 0o777, mode)
  }
  const entered = { ...use, isNamed: true, isEntered: true }
  assert.throws(
    () => claimServerRoot(directory, entered),
    /is closed to the account of the application; open it with chmod 711, or/,
  )
  chmodSync(directory, 0o711)
  claimServerRoot(directory, entered)
})

test('files of others are neither overwritten nor removed, and then nothing is written', () => {
  const folder = path.join(base, 'generated')
  mkdirSync(folder)
  const generated = (name: string, text: string | undefined) => ({
    path: path.join(folder, name),
    text,
    mode: 0o600,
  })
  const config = generated('httpd.conf', '# Written by: wsgi-httpd start-server\n')
  const script = generated('apachectl', '#!/bin/sh\n# Written by wsgi-httpd: controls it\n')
  const envvars = generated('envvars', '# Written by wsgi-httpd.\n')
  for (let times = 0; times < 2; times++) writeGenerated([config, script, envvars])
  assert.deepEqual(readdirSync(folder).sort(), ['apachectl', 'envvars', 'httpd.conf'])
  writeGenerated([{ ...envvars, text: undefined }])
  assert.deepEqual(readdirSync(folder).sort(), ['apachectl', 'httpd.conf'])
  writeFileSync(envvars.path, 'export A=B\n# Written by wsgi-httpd.\n')
  for (const text of [undefined, envvars.text])
    assert.throws(
      () =>
        writeGenerated([
          { ...config, text: 'new' },
          { ...envvars, text },
        ]),
      {
        name: 'UsageError',
        message: `${envvars.path} was not written by wsgi-httpd, and stays as it is; move it away, or name another directory with --server-root`,
      },
    )
  assert.equal(readFileSync(config.path, 'utf8'), config.text)
  assert.match(readFileSync(envvars.path, 'utf8'), /^export/)
  const link = generated('link.wsgi', '# Written by wsgi-httpd\n')
  symlinkSync(config.path, link.path)
  assert.throws(() => writeGenerated([link]), /link\.wsgi was not written by wsgi-httpd/)
})

test('files are replaced as a whole, links are not followed', () => {
  const folder = path.join(base, 'files')
  mkdirSync(folder)
  const victim = path.join(base, 'victim')
  writeFileSync(victim, 'untouched')
  symlinkSync(victim, path.join(folder, 'a.conf'))
  replaceFile(path.join(folder, 'a.conf'), 'new', 0o600)
  assert.equal(readFileSync(victim, 'utf8'), 'untouched')
  assert.equal(readFileSync(path.join(folder, 'a.conf'), 'utf8'), 'new')
  assert.deepEqual(readdirSync(folder), ['a.conf'])
})
