/**
 * Which configuration file and which initial ServerRoot a call means. Pure but for asking whether files are there.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { UsageError } from './usage-error.js'

export interface Located {
  readonly serverRoot: string
  readonly file: string
}

/** Looked for under `-d` where `-f` is missing: httpd's own place, then those of distributions. */
const USUAL_NAMES = ['conf/httpd.conf', 'apache2.conf', 'httpd.conf']

/**
 * `-f` as written, relative names under `-d` (as httpd has it), else under the current directory. There is no compiled-in ServerRoot:
 * without `-d` it is the directory of the configuration file, or the one above when that is called `conf`.
 * @throws UsageError when no file is named and none is in a usual place.
 */
export function locate(
  asked: { readonly serverRoot: string | undefined; readonly configFile: string | undefined },
  cwd: string,
  exists: (file: string) => boolean = existsSync,
): Located {
  const serverRoot = asked.serverRoot === undefined ? undefined : path.resolve(cwd, asked.serverRoot)
  const file =
    asked.configFile === undefined
      ? usualFile(serverRoot, exists)
      : path.resolve(serverRoot ?? cwd, asked.configFile)
  return { serverRoot: serverRoot ?? rootOf(file), file }
}

function usualFile(serverRoot: string | undefined, exists: (file: string) => boolean): string {
  if (serverRoot === undefined) {
    throw new UsageError(
      'no configuration: name a file with -f or a ServerRoot with -d, or serve one application with "wsgi-httpd start-server app.wsgi"',
    )
  }
  const candidates = USUAL_NAMES.map((name) => path.join(serverRoot, name))
  const found = candidates.find(exists)
  if (found === undefined)
    throw new UsageError(
      `no configuration file in ${serverRoot}: looked for ${USUAL_NAMES.join(', ')}; name one with -f`,
    )
  return found
}

function rootOf(file: string): string {
  const directory = path.dirname(file)
  return path.basename(directory) === 'conf' ? path.dirname(directory) : directory
}
