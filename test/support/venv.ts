/**
 * Virtual environments with packages from PyPI, made once and kept until their requirements change.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { cacheDirectory } from './cache.js'
import { findPython, usable } from './pythons.js'

const call = promisify(execFile)
const PIP_TIMEOUT_MS = 240_000

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
    const reason = lastLine((error as { stderr?: string }).stderr ?? (error as Error).message)
    if (process.env.CI === 'true')
      throw new Error(`cannot install ${requirements.join(', ')}: ${reason}`, { cause: error })
    return { skip: `PyPI out of reach (${requirements.join(', ')}): ${reason}` }
  }
}

/** Made beside its place and moved there when complete, as several test files may want the same one at the same time. */
async function make(executable: string, home: string, requirements: readonly string[]): Promise<void> {
  const fresh = `${home}.${process.pid}`
  try {
    mkdirSync(path.dirname(home), { recursive: true })
    await call(executable, ['-m', 'venv', fresh], { timeout: PIP_TIMEOUT_MS })
    // Without PyPI one wants to know soon.
    const options = [
      '--quiet',
      '--disable-pip-version-check',
      '--no-input',
      '--retries',
      '1',
      '--timeout',
      '15',
    ]
    await call(path.join(fresh, 'bin', 'python'), ['-m', 'pip', 'install', ...options, ...requirements], {
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
