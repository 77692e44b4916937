import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { ask } from '../support/http.js'
import { findPython, type Python, skipWithout, usable } from '../support/pythons.js'
import { freePorts, LAUNCHER, PROJECT } from '../support/server.js'
import { until } from '../support/wait.js'

/** No account has this number. */
const UID = 54_321

test('in a container: a user without a name, and nothing writable but one directory', {
  skip: skipWithout('3'),
}, async (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-container-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  chmodSync(root, 0o755)
  const app = path.join(root, 'app')
  const tmp = path.join(root, 'tmp')
  cpSync(path.join(PROJECT, 'examples/container'), app, { recursive: true })
  mkdirSync(tmp)
  const become = ['setpriv', '--reuid', String(UID), '--regid', '0', '--clear-groups', '--no-new-privs']
  const inside = (command: string): [string, string[]] => [
    'unshare',
    [
      '--mount',
      'sh',
      '-ec',
      `mount --make-rprivate /; mount -t tmpfs -o size=8m,mode=1777 tmpfs '${tmp}'; mount -o remount,bind,ro /; cd /; exec ${become.join(' ')} ${command}`,
    ],
  ]
  const tried = spawnSync(
    ...inside(`sh -c '! touch "${app}/x" && test -r "${LAUNCHER}" && "${process.execPath}" -v'`),
  )
  if (tried.status !== 0) return t.skip(`no such surroundings can be made here: ${tried.stderr}`)
  const [port = 0] = await freePorts(1)
  const own = [`PidFile "${tmp}/httpd.pid"`, `WSGIPythonHome "${usable(findPython() as Python).home}"`]
  const words = ['-f', `${app}/httpd.conf`, '-DFOREGROUND', ...own.flatMap((line) => ['-c', line])]
  const quoted = [process.execPath, LAUNCHER, ...words].map((word) => `'${word}'`).join(' ')
  const child = spawn(...inside(quoted), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, APP: app, PORT: `127.0.0.1:${port}`, TMPDIR: tmp, HOME: '/nonexistent' },
  })
  t.after(() => child.kill('SIGKILL'))
  let out = ''
  let err = ''
  child.stdout.on('data', (text) => (out += text))
  child.stderr.on('data', (text) => (err += text))
  const ended = new Promise((resolve) => child.once('close', resolve))
  await until('the start', () => {
    if (child.exitCode !== null) throw new Error(err)
    return /resuming normal operations/.test(err)
  })
  const { text } = await ask(port, '/')
  assert.equal(text, `Hello from uid ${UID}\n`)
  await until('the line of the access log', () => /"GET \/ HTTP\/1\.1" 200 /.test(out))
  child.kill('SIGWINCH')
  assert.equal(await ended, 0)
})
