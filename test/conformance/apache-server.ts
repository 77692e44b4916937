/**
 * The Apache httpd of this machine, as Debian lays it out, on a configuration of ours.
 */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { until } from '../support/wait.js'

export const APACHE = '/usr/sbin/apache2'
export const MODULES = '/usr/lib/apache2/modules'

/** The `LoadModule` lines for modules by their names without `mod_`. */
export function loadModules(names: readonly string[]): string[] {
  return names.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`)
}

/**
 * Runs Apache for as long as `use` takes, in a directory of its own, which then goes (`KEEP=1` keeps it).
 * @param load The lines that load its modules.
 * @param configure Writes what the server reads, and answers with the text of its configuration, which logs to `error.log`.
 * @param use Gets a function that stops the server, so that its logs are complete.
 */
export async function withApache<T>(
  load: readonly string[],
  configure: (root: string) => string,
  use: (stop: () => Promise<void>, root: string) => Promise<T>,
): Promise<T> {
  const root = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-conformance-'))
  chmodSync(root, 0o755)
  mkdirSync(path.join(root, 'htdocs'))
  const file = path.join(root, 'httpd.conf')
  writeFileSync(file, `${load.join('\n')}\n${configure(root)}`, 'latin1')
  const server = spawn(APACHE, ['-f', file, '-DFOREGROUND'], { stdio: ['ignore', 'inherit', 'inherit'] })
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    server.kill('SIGTERM')
    await ended
  }
  const log = () => (existsSync(`${root}/error.log`) ? readFileSync(`${root}/error.log`, 'latin1') : '')
  try {
    await until('Apache to start', () => {
      return server.exitCode !== null || log().includes('resuming normal operations')
    })
    if (server.exitCode !== null) throw new Error(`Apache did not start: ${log()}`)
    return await use(stop, root)
  } finally {
    await stop()
    if (process.env.KEEP === undefined) rmSync(root, { recursive: true })
    else console.log(`kept: ${root}`)
  }
}
