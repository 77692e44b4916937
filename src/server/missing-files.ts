/**
 * Files and directories that the configuration names for Python and that are not there. They may come later (a deployment, a file system that is
 * mounted on demand), so a server starts without them, as with mod_wsgi; `-t` and the start say so.
 */
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ConfigWarning } from '../config/errors.js'
import type { Site } from '../config/site.js'
import { textOf } from '../config/text.js'
import { type ScriptAlias, wsgiServer } from '../modules/wsgi/settings.js'
import { daemonGroups } from '../wsgi/visibility.js'
import { isJailed } from './daemon-plan.js'

export function warnOfMissingFiles(site: Site, warn: (warning: ConfigWarning) => void): void {
  for (const group of daemonGroups(site)) {
    // the paths of those in a jail mean other files here
    if (isJailed(group)) continue
    const { at, name, home, pythonPath } = group
    if (home !== undefined && !isThere(home)) {
      const message = `WSGIDaemonProcess ${name}: home=${home} does not exist. No process can be started until it does.`
      warn({ at, message })
    }
    for (const path of pythonPath)
      if (path.startsWith('/') && !isThere(path))
        warn({ at, message: `WSGIDaemonProcess ${name}: python-path=${path} does not exist.` })
  }
  for (const { url, script, at } of aliasesOf(site)) {
    // what a pattern finds is part of the name
    if (url === undefined || isThere(script) || isBelowFile(script)) continue
    warn({
      at,
      message: `WSGIScriptAlias ${url}: ${script} does not exist. Requests will get 404 until it does.`,
    })
  }
}

/** Each once, however many virtual hosts inherit it. */
function aliasesOf(site: Site): Set<ScriptAlias> {
  return new Set(
    [site.main, ...site.virtualHosts].flatMap((server) => server.settings.get(wsgiServer).aliases),
  )
}

/** A script's name may be followed by a path: `/srv/app.wsgi/site/`. */
function isBelowFile(path: string): boolean {
  for (let part = dirname(path); part !== dirname(part); part = dirname(part)) {
    const found = lookAt(part)
    if (found !== undefined) return found === 'file'
  }
  return false
}

/** What this process may not look at counts as there. */
function isThere(path: string): boolean {
  return lookAt(path) !== undefined
}

/** What is there; undefined: nothing. */
function lookAt(path: string): 'file' | 'something' | undefined {
  try {
    return statSync(textOf(path)).isFile() ? 'file' : 'something'
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : 'something'
  }
}
