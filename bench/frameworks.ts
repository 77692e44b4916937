/**
 * Django and Flask without a server: their packages, and a process that calls them (`python/bare.py`).
 */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { virtualEnvironment } from '../test/support/venv.js'
import { ask, PYTHON, program, ROOT } from './installed.js'
import { within } from './running.js'
import { LeftOut } from './scenario.js'

const PACKAGES = ['Django', 'Flask']
const UPGRADE_MAX_MS = 60_000

/**
 * Puts the frameworks beside the application: those of the environment that WSGI_HTTPD_PEERS names if it has both, else PyPI's current ones.
 * @param folder of the application
 * @returns their versions
 * @throws LeftOut
 */
export async function installFrameworks(folder: string): Promise<string> {
  const given = program('python3')
  const python =
    process.env.WSGI_HTTPD_PEERS && ask(given, 'import django, flask; print(1)') ? given : await fromPyPI()
  symlinkSync(ask(python, 'import sysconfig; print(sysconfig.get_path("purelib"))'), join(folder, 'packages'))
  const version = (name: string) =>
    `${name} ${ask(python, `import importlib.metadata as m; print(m.version("${name}"))`)}`
  return PACKAGES.map(version).join(', ')
}

/** @returns the Python of an environment that has them, kept from run to run and brought up to date where PyPI is in reach */
async function fromPyPI(): Promise<string> {
  const minor = ask(PYTHON, 'import sys; print("%d.%d" % sys.version_info[:2])')
  const made = await virtualEnvironment(minor, PACKAGES).catch((error: Error) => ({ skip: error.message }))
  if ('skip' in made) throw new LeftOut(made.skip)
  const python = join(made.home, 'bin/python')
  const words = ['-m', 'pip', 'install', '--quiet', '--no-input', '--retries', '1', '--upgrade', ...PACKAGES]
  await promisify(execFile)(python, words, { timeout: UPGRADE_MAX_MS }).catch(() => {})
  return python
}

export class Bare {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #answers: AsyncIterator<string>

  /** @param folder of the application */
  constructor(python: string, folder: string) {
    const words = [join(ROOT, 'bench/python/bare.py'), folder]
    this.#child = spawn(python, words, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.on('error', () => {})
    this.#child.stdin.on('error', () => {})
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]()
  }

  /** @returns CPU microseconds for each request */
  async cost(path: string, seconds: number): Promise<number> {
    const answer = this.#answers.next()
    this.#child.stdin.write(`${path} ${seconds}\n`)
    if (!(await within((seconds + 30) * 1000, answer))) throw new Error(`${path} without a server: no end`)
    const { value, done } = await answer
    if (done) throw new Error(`${path} fails without a server`)
    const [calls = 0, microseconds = 0] = value.split(' ').map(Number)
    return microseconds / calls
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}
