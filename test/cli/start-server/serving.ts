/** Runs the real `start-server` for tests: a folder with an application, files and a port, and the server for as long as a test takes. */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import { isRoot } from '../../support/cache.js'
import { findPython, usable } from '../../support/pythons.js'
import { freePorts, LAUNCHER } from '../../support/server.js'
import { until } from '../../support/wait.js'

export const APPLICATION = `
import os, helper
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('%s %s %s %s' % (environ['mod_wsgi.process_group'], os.getcwd(), environ.get('EXTRA'), helper.VALUE)).encode()]
`
const base = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-test-'))
chmodSync(base, 0o755)
after(() => rmSync(base, { recursive: true, force: true }))

let count = 0

export interface Project {
  readonly folder: string
  readonly port: number
  /** Another port that is free. */
  readonly otherPort: number
  readonly root: string
  readonly words: string[]
}

/** A folder with an application, and the options that every call here needs. */
export async function project(): Promise<Project> {
  const folder = path.join(base, String(++count))
  mkdirSync(path.join(folder, 'static'), { recursive: true })
  writeFileSync(path.join(folder, 'app.wsgi'), APPLICATION)
  writeFileSync(path.join(folder, 'helper.py'), 'VALUE = 1\n')
  writeFileSync(path.join(folder, 'static', 'a.txt'), 'a file')
  const [port = 0, otherPort = 0] = await freePorts(2)
  const root = path.join(folder, 'root')
  const account = isRoot ? ['--user', 'nobody', '--group', '#65534'] : []
  const python = findPython('3')
  const home = python === undefined ? [] : ['--python-home', usable(python).home]
  return {
    folder,
    port,
    otherPort,
    root,
    words: ['--host', '127.0.0.1', '--port', String(port), '--server-root', root, ...account, ...home],
  }
}

/** Runs start-server until `use` is through; answers with what it printed. */
export async function serve(
  words: string[],
  cwd: string,
  root: string,
  use: () => Promise<void>,
): Promise<string> {
  const child = spawn(process.execPath, [LAUNCHER, 'start-server', ...words], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (output += text))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const log = () =>
    existsSync(path.join(root, 'error_log')) ? readFileSync(path.join(root, 'error_log'), 'utf8') : ''
  try {
    await until(
      'start-server to serve',
      () => /resuming normal operations/.test(log() + output) || child.exitCode !== null,
    )
    await use()
    return output
  } catch (error) {
    if (error instanceof Error) error.message += `\n--- output ---\n${output}\n--- error log ---\n${log()}`
    throw error
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}
