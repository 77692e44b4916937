/** What was measured: the versions of everything that is installed. */
import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'

/** Command, and what its answer is called by. */
const ASKED: readonly (readonly [command: string, ...words: string[]])[] = [
  ['python3', '--version'],
  ['/usr/sbin/apache2', '-v'],
  ['gunicorn', '--version'],
  ['uwsgi-core', '--version'],
  ['nginx', '-v'],
  ['granian', '--version'],
  ['cheroot', '--version'],
]
const PACKAGES = ['libapache2-mod-wsgi-py3', 'python3-waitress']

let known: string | undefined

export function versions(): string {
  known ??= ask()
  return known
}

function ask(): string {
  const folders = [process.env.PATH ?? '', '/usr/sbin']
  if (process.env.WSGI_HTTPD_PEERS) folders.unshift(join(process.env.WSGI_HTTPD_PEERS, 'bin'))
  const env = { ...process.env, PATH: folders.join(delimiter) }
  const programs = ASKED.flatMap(([command, ...words]) => {
    const { stdout, stderr, error } = spawnSync(command, words, { env, encoding: 'utf8' })
    const version = /\d+\.\d+(\.\d+)*/.exec(`${stdout}${stderr}`)?.[0]
    const name = command.split('/').at(-1)
    return error !== undefined || version === undefined ? [] : [`${name} ${version}`]
  })
  const packages = PACKAGES.flatMap((name) => {
    const { stdout, status } = spawnSync('dpkg-query', ['-W', '-f', '${Version}', name], { encoding: 'utf8' })
    return status === 0 && stdout ? [`${name} ${stdout}`] : []
  })
  return `Node ${process.version}, ${[...programs, ...packages].join(', ')}.`
}
