/**
 * What is installed on this machine. Programs that are no packages of the system are looked for in the virtual environment that
 * WSGI_HTTPD_PEERS names.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')

/** What this server runs applications with: the system's Python, which Apache's and uWSGI's packages embed, too. */
export const PYTHON =
  ['/usr/bin/python3', 'python3'].find((python) => spawnSync(python, ['-c', '']).status === 0) ?? 'python3'

/** The whole path of a program, or its bare name where it is not installed. */
export function program(name: string): string {
  const folders = (process.env.PATH ?? '').split(delimiter)
  if (process.env.WSGI_HTTPD_PEERS) folders.unshift(join(process.env.WSGI_HTTPD_PEERS, 'bin'))
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? name
}

/** The Python that runs a script, by its first line; this server's where it names none. */
export function interpreterOf(script: string): string {
  if (!existsSync(script)) return PYTHON
  const named = /^#!\s*(\S*python[\d.]*)\s/.exec(readFileSync(script, 'latin1').slice(0, 256))?.[1]
  return named !== undefined && existsSync(named) ? named : PYTHON
}

/** The first Python that can import a module. */
export function pythonWith(module: string): string | undefined {
  return [...new Set([program('python3'), PYTHON])].find(
    (python) => spawnSync(python, ['-c', `import ${module}`]).status === 0,
  )
}

/** What a Python script prints, without its last line end; empty where it fails. */
export function ask(python: string, script: string): string {
  const { status, stdout } = spawnSync(python, ['-c', script], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : ''
}

/** The first thing a server needs that is not there. */
export function missing({ needs }: { readonly needs: readonly string[] }): string | undefined {
  return needs.find((path) => !existsSync(path))
}
