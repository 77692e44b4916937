/**
 * Debian's `envvars`: a shell file beside the configuration that sets `APACHE_RUN_USER`, `APACHE_LOG_DIR` and their kin, which `apachectl`
 * reads before it starts httpd. Read in the same way, so that `/etc/apache2` can be served as it is.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import path from 'node:path'

/** How long the file may take; it sets variables and nothing else. */
const SHELL_TIMEOUT_MS = 10_000

/**
 * The variables that the file beside `configFile` sets and that the environment lacks: what the caller has set wins. Nothing where
 * there is no such file.
 * @throws Error when the file belongs to somebody else, can be changed by others, or fails.
 */
export function readEnvvars(configFile: string, environment: NodeJS.ProcessEnv): Record<string, string> {
  const file = path.join(path.dirname(configFile), 'envvars')
  const found = statSync(file, { throwIfNoEntry: false })
  if (found === undefined || !found.isFile()) return {}
  if ((found.uid !== 0 && found.uid !== process.getuid?.()) || (found.mode & 0o022) !== 0)
    throw new Error(`${file} is a shell script that other users can change: not read`)
  const shell = spawnSync('/bin/sh', ['-c', '. "$1" >/dev/null && exec env -0', 'sh', file], {
    env: { ...environment, APACHE_CONFDIR: path.dirname(configFile) },
    timeout: SHELL_TIMEOUT_MS,
    encoding: 'utf8',
  })
  if (shell.status !== 0)
    throw new Error(`${file} cannot be read: ${shell.error?.message ?? shell.stderr.trim()}`)
  const added: Record<string, string> = {}
  for (const line of shell.stdout.split('\0')) {
    const [, name, value] = /^(\w+)=(.*)$/s.exec(line) ?? []
    // The shell sets these itself.
    if (
      name === undefined ||
      value === undefined ||
      ['_', 'PWD', 'SHLVL', 'OLDPWD', 'APACHE_CONFDIR'].includes(name)
    )
      continue
    if (environment[name] === undefined) added[name] = value
  }
  return added
}

/** Makes the directory for run-time files that the file names, as `apachectl` does before a start. */
export function makeRunDirectory(variables: Readonly<Record<string, string>>): void {
  const directory = variables.APACHE_RUN_DIR
  if (directory !== undefined && process.getuid?.() === 0) mkdirSync(directory, { recursive: true })
}
