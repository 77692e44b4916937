/**
 * The servers that are compared: how each is started with the application of `bench/app`. A peer that is not installed is left out; where
 * programs lie that are no packages of the system is told by WSGI_HTTPD_PEERS, the directory of a virtual environment.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { type HttpdOptions, httpdConf } from './httpd-conf.js'

/** What all servers of a run share. */
export interface Surroundings {
  /** Scratch directory of the run; every server gets one of its own in it. */
  readonly base: string
  /** Directory of `hello.py`, of the file of `/file`, and of `static/`. */
  readonly app: string
  /** A certificate for `localhost` made for this run. */
  readonly certificate: string
  readonly key: string
}

export interface Setting extends Surroundings {
  readonly port: number
  readonly tlsPort: number
  readonly dir: string
}

export interface Bench {
  readonly name: string
  /** What has to be there; the first missing one is named when the server is left out. */
  readonly needs: readonly string[]
  /** Whether it serves files below `/static`. */
  readonly static?: boolean
  command(setting: Setting): string[]
}

const ROOT = resolve(import.meta.dirname, '../..')
const PYTHON =
  ['/usr/bin/python3', 'python3'].find((python) => spawnSync(python, ['-c', '']).status === 0) ?? 'python3'

/** The whole path of a program, or its bare name where it is not installed. */
function program(name: string): string {
  const folders = (process.env.PATH ?? '').split(delimiter)
  if (process.env.WSGI_HTTPD_PEERS) folders.unshift(join(process.env.WSGI_HTTPD_PEERS, 'bin'))
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? name
}

/** The configuration, and the directory for sockets and the like that it names. */
function writeHttpdConf(file: string, text: string): void {
  mkdirSync(join(dirname(file), 'run'), { recursive: true })
  writeFileSync(file, text)
}

let prefix: string | undefined
function pythonPrefix(): string {
  prefix ??= spawnSync(PYTHON, ['-c', 'import sys; print(sys.prefix)'], { encoding: 'utf8' }).stdout.trim()
  return prefix
}

export interface OursOptions extends HttpdOptions {
  readonly name?: string
  /** `ServerLimit`: server workers. */
  readonly workers?: number
}

/** This server, with a configuration like a real site's: a virtual host, access rules, an access log. */
export function ours({ name, workers = 1, ...options }: OursOptions): Bench {
  const { daemon } = options
  const what =
    daemon === undefined
      ? 'embedded'
      : `daemon, ${daemon.threads} thread${daemon.threads > 1 ? 's' : ''}${(daemon.processes ?? 1) > 1 ? ` × ${daemon.processes}` : ''}`
  return {
    name: name ?? `wsgi-httpd, ${what}`,
    needs: [],
    static: true,
    command(setting) {
      const conf = join(setting.dir, 'httpd.conf')
      const own = `ServerLimit ${workers}\nWSGIPythonHome "${pythonPrefix()}"`
      writeHttpdConf(conf, httpdConf(setting, options, own))
      return [process.execPath, join(ROOT, 'bin/wsgi-httpd.js'), '-f', conf, '-DFOREGROUND']
    },
  }
}

const APACHE_MODULES = '/usr/lib/apache2/modules'
const LOADED = ['mpm_event', 'authz_core', 'alias', 'socache_shmcb', 'ssl', 'wsgi']

/** Debian's Apache; no child is retired, and no limit cuts connections, while it is measured. */
export function apache({ name, ...options }: HttpdOptions & { readonly name?: string }): Bench {
  const { daemon } = options
  return {
    name:
      name ?? `Apache + mod_wsgi, ${daemon === undefined ? 'embedded' : `daemon, ${daemon.threads} threads`}`,
    needs: ['/usr/sbin/apache2', `${APACHE_MODULES}/mod_wsgi.so`],
    static: true,
    command(setting) {
      const conf = join(setting.dir, 'httpd.conf')
      const own = `${LOADED.map((one) => `LoadModule ${one}_module ${APACHE_MODULES}/mod_${one}.so`).join('\n')}
MaxSpareThreads 150
EnableSendfile On
${options.tls ? `SSLSessionCache "shmcb:${setting.dir}/run/sessions(512000)"` : ''}`
      writeHttpdConf(conf, httpdConf(setting, options, own))
      return ['/usr/sbin/apache2', '-f', conf, '-DFOREGROUND']
    },
  }
}

/** A server of Python's world that takes its options as words, started where the application lies. */
function started(
  name: string,
  executable: string,
  words: (port: number) => readonly string[],
  needs: readonly string[] = [],
): Bench {
  const path = program(executable)
  return {
    name,
    needs: [path, ...needs],
    command: ({ port, app }) => ['/usr/bin/env', '-C', app, 'PYTHONPATH=.', path, ...words(port)],
  }
}

const UWSGI = [
  ...['--plugins-dir', '/usr/lib/uwsgi/plugins', '--plugin', 'python3', '--master', '--die-on-term'],
  ...['--disable-logging', '--listen', '1024', '--threads', '15', '--wsgi-file', 'hello.py'],
]
const UWSGI_NEEDS = ['/usr/lib/uwsgi/plugins/python3_plugin.so']

const nginx: Bench = {
  name: 'nginx + uWSGI, 15 threads',
  needs: [program('nginx'), program('uwsgi-core'), '/etc/nginx/uwsgi_params', ...UWSGI_NEEDS],
  static: true,
  command({ dir, app, port, tlsPort, certificate, key }) {
    const temporary = ['client_body', 'uwsgi', 'proxy', 'fastcgi', 'scgi'].map(
      (kind) => `${kind}_temp_path ${dir}/${kind};`,
    )
    writeFileSync(
      join(dir, 'nginx.conf'),
      `daemon off; pid ${dir}/nginx.pid; error_log ${dir}/error.log error; worker_processes 1;
${process.getuid?.() === 0 ? 'user www-data;' : ''}
events { worker_connections 15000; }
http {
  access_log ${dir}/access.log; ${temporary.join(' ')}
  keepalive_requests 1000000000; sendfile on; client_max_body_size 0;
  ssl_certificate ${certificate}; ssl_certificate_key ${key}; ssl_session_cache shared:s:1m;
  server {
    listen 127.0.0.1:${port} backlog=1024; listen 127.0.0.1:${tlsPort} ssl backlog=1024;
    location / { include /etc/nginx/uwsgi_params; uwsgi_pass unix:${dir}/app.sock; }
    location /static/ { alias ${app}/static/; }
  }
}
`,
    )
    const words = [...UWSGI, '--chdir', app, '--uwsgi-socket', `${dir}/app.sock`, '--chmod-socket=666']
    const script = `"$0" "$@" & exec ${program('nginx')} -p ${dir} -c ${dir}/nginx.conf -e ${dir}/error.log`
    return ['/bin/sh', '-c', script, program('uwsgi-core'), ...words]
  },
}

export const NODE: Bench = {
  name: 'node:http by itself',
  needs: [],
  command: ({ port }) => [process.execPath, join(import.meta.dirname, 'hello-node.js'), String(port)],
}

export const OURS_1 = ours({ daemon: { threads: 1 } })
export const OURS_15 = ours({ daemon: { threads: 15 } })
export const OURS_EMBEDDED = ours({})
export const APACHE_DAEMON = apache({ daemon: { threads: 15 } })
export const APACHE_EMBEDDED = apache({})
export const NGINX = nginx

export const GUNICORN_SYNC = started('gunicorn, sync, 2 workers', 'gunicorn', (port) => [
  ...['-w', '2', '-b', `127.0.0.1:${port}`, 'hello:application'],
])
export const GUNICORN_THREADS = started('gunicorn, 15 threads', 'gunicorn', (port) => [
  ...['-k', 'gthread', '--threads', '15', '-b', `127.0.0.1:${port}`, 'hello:application'],
])
export const WAITRESS = started('waitress, 15 threads', 'waitress-serve', (port) => [
  ...[`--listen=127.0.0.1:${port}`, '--threads=15', '--connection-limit=1000', 'hello:application'],
])
export const UWSGI_THREADS = started(
  'uWSGI, 15 threads (no keep-alive)',
  'uwsgi-core',
  (port) => ['--http-socket', `127.0.0.1:${port}`, '--add-header', 'Connection: close', ...UWSGI],
  UWSGI_NEEDS,
)
export const CHEROOT = started('cheroot, 15 threads', 'cheroot', (port) => [
  ...['--bind', `127.0.0.1:${port}`, '--threads', '15', 'hello:application'],
])
export const GRANIAN = started('Granian, 15 threads', 'granian', (port) => [
  ...['--interface', 'wsgi', '--host', '127.0.0.1', '--port', String(port)],
  ...['--blocking-threads', '15', '--no-ws', 'hello:application'],
])
/** It has no command of its own: it is called from Python. */
export const BJOERN: Bench = {
  name: 'bjoern, 1 thread',
  needs: [bjoernPython()],
  command: ({ port, app }) => [
    ...['/usr/bin/env', '-C', app, bjoernPython(), '-c'],
    `import bjoern, sys; sys.path.insert(0, '.'); from hello import application; bjoern.run(application, '127.0.0.1', ${port})`,
  ],
}

function bjoernPython(): string {
  const found = [...new Set([program('python3'), PYTHON])].find(
    (python) => spawnSync(python, ['-c', 'import bjoern']).status === 0,
  )
  return found ?? 'bjoern'
}

/** With threads, so that several requests can wait in the application at once. */
export const THREADED: readonly Bench[] = [
  ...[OURS_15, OURS_EMBEDDED, APACHE_DAEMON, NGINX, GUNICORN_THREADS, WAITRESS, UWSGI_THREADS],
  ...[CHEROOT, GRANIAN],
]

/** The first thing a server needs that is not there. */
export function missing(server: Bench): string | undefined {
  return server.needs.find((path) => !existsSync(path))
}
