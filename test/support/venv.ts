/**
 * Virtual environments with packages from PyPI, made once and kept until their requirements change.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { cacheDirectory } from './cache.js'
import { findPython, usable } from './pythons.js'

const call = promisify(execFile)
const PIP_TIMEOUT_MS = 240_000
/** Without PyPI one wants to know soon. */
const PIP_OPTIONS = [
  '--quiet',
  '--disable-pip-version-check',
  '--no-input',
  ...['--retries', '1', '--timeout', '15'],
]

export type Environment = { readonly home: string } | { readonly skip: string }

/**
 * @param version Python to make it with, as for `findPython`
 * @param requirements as pip takes them: `Django==4.2.16`
 * @returns where `python-home=` is to point, or why the test is to be skipped; under `CI=true` it throws instead of the latter
 */
export async function virtualEnvironment(
  version: string,
  requirements: readonly string[],
): Promise<Environment> {
  const found = findPython(version)
  if (found === undefined) return { skip: `no Python ${version} on this machine` }
  const python = usable(found)
  const hash = createHash('sha256')
    .update([python.executable, ...requirements].join('\n'))
    .digest('hex')
    .slice(0, 12)
  const home = path.join(cacheDirectory(), `venv-${python.version}-${hash}`)
  if (existsSync(home)) return { home }
  try {
    await make(python.executable, home, requirements)
    return { home }
  } catch (error) {
    return unavailable(`install ${requirements.join(', ')}`, error)
  }
}

/**
 * The source of a release, unpacked, with the tests that it brings.
 * @param venv a virtual environment, whose pip fetches it
 * @param release `Werkzeug==3.1.9`
 * @returns its folder, or why the test is to be skipped; under `CI=true` it throws instead of the latter
 */
export async function sourceOf(venv: string, release: string): Promise<Environment> {
  const home = path.join(cacheDirectory(), `source-${release.toLowerCase()}`)
  if (existsSync(home)) return { home }
  const fresh = `${home}.${process.pid}`
  const [name = ''] = release.split('==')
  try {
    mkdirSync(fresh)
    const words = ['-m', 'pip', 'download', ...PIP_OPTIONS, '--no-deps', '--no-binary', name, release]
    await call(path.join(venv, 'bin', 'python'), [...words, '--dest', fresh], { timeout: PIP_TIMEOUT_MS })
    const [archive = ''] = readdirSync(fresh)
    await call('tar', ['-xzf', archive, '--strip-components=1', '--no-same-owner'], { cwd: fresh })
    if (!existsSync(home)) renameSync(fresh, home)
    return { home }
  } catch (error) {
    return unavailable(`fetch the source of ${release}`, error)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

function unavailable(what: string, error: unknown): { readonly skip: string } {
  const reason = lastLine((error as { stderr?: string }).stderr || (error as Error).message)
  if (process.env.CI === 'true') throw new Error(`cannot ${what}: ${reason}`, { cause: error })
  return { skip: `PyPI out of reach (cannot ${what}): ${reason}` }
}

/** Made beside its place and moved there when complete, as several test files may want the same one at the same time. */
async function make(executable: string, home: string, requirements: readonly string[]): Promise<void> {
  const fresh = `${home}.${process.pid}`
  try {
    mkdirSync(path.dirname(home), { recursive: true })
    await call(executable, ['-m', 'venv', fresh], { timeout: PIP_TIMEOUT_MS })
    await call(path.join(fresh, 'bin', 'python'), ['-m', 'pip', 'install', ...PIP_OPTIONS, ...requirements], {
      timeout: PIP_TIMEOUT_MS,
    })
    if (!existsSync(home)) renameSync(fresh, home)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
