/**
 * Where the mod_wsgi is that the cases are held against: release 4 as distributions have it, release 6 as PyPI has it.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'

/** The major releases that the cases know differences from. */
export type Release = '4' | '6'

export const RELEASES: readonly Release[] = ['4', '6']

/** Names the module's file where it is neither the distribution's nor the one of the `mod_wsgi-express` on the search path. */
const VARIABLE = 'MOD_WSGI_MODULE'

/**
 * The module's file for `LoadModule`, or why there is none.
 *
 * @param modules The directory of the distribution's modules.
 */
export function findModule(release: Release, modules: string): string | { readonly fault: string } {
  const named = process.env[VARIABLE]
  if (named !== undefined) return existsSync(named) ? named : { fault: `${VARIABLE}: there is no ${named}` }
  if (release === '4') {
    const file = path.join(modules, 'mod_wsgi.so')
    return existsSync(file) ? file : { fault: `There is no ${file} here.` }
  }
  const asked = spawnSync('mod_wsgi-express', ['module-location'], { encoding: 'utf8' })
  const file = asked.stdout?.trim()
  if (asked.status === 0 && file && existsSync(file)) return file
  return {
    fault: `No mod_wsgi-express is on the search path: install mod-wsgi of PyPI, or name its module's file with ${VARIABLE}.`,
  }
}

/** The Python installation of a module that pip installed, where the module does not find it by itself: a line of configuration, or nothing. */
export function pythonHomeLine(): string {
  const home = process.env.MOD_WSGI_PYTHON_HOME
  return home === undefined ? '' : `WSGIPythonHome "${home}"\n`
}

/** The major release by what httpd writes into its error log when it starts (`Apache/2.4.57 mod_wsgi/4.9.4 Python/3.11 configured`). */
export function releaseOf(errorLog: string): string | undefined {
  return /mod_wsgi\/(\d+)/.exec(errorLog)?.[1]
}
