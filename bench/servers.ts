/**
 * The servers that are compared: how each is started with an application called `hello.py`. A peer that is not installed is left out
 * (`installed.ts`).
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type HttpdOptions, httpdConf } from './httpd-conf.js'
import { ask, PYTHON, ROOT } from './installed.js'
import { CHEROOT, GRANIAN, GUNICORN_THREADS, NGINX, UWSGI_THREADS, WAITRESS } from './peers.js'

export * from './peers.js'

/** What all servers of a run share. */
export interface Surroundings {
  /** Scratch directory of the run; every server gets one of its own in it. */
  readonly base: string
  /** Directory of `hello.py`, of the file of `/file`, and of `static/`. */
  readonly app: string
  /** A certificate for `localhost` made for this run. */
  readonly certificate: string
  readonly key: string
  /** Seconds that a server may take for an answer, its first one included, before it counts as one that hangs. */
  readonly patience: number
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
  /** The Python that runs the application: its executable, or that of the library that is embedded. */
  readonly python: string
  command(setting: Setting): string[]
}

/** The configuration, and the directory for sockets and the like that it names. */
function writeHttpdConf(file: string, text: string): void {
  mkdirSync(join(dirname(file), 'run'), { recursive: true })
  writeFileSync(file, text)
}

let prefix: string | undefined
function pythonPrefix(): string {
  prefix ??= ask(PYTHON, 'import sys; print(sys.prefix)')
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
    python: PYTHON,
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
export function apache({
  name,
  more = '',
  ...options
}: HttpdOptions & { readonly name?: string; readonly more?: string }): Bench {
  const { daemon } = options
  return {
    name:
      name ?? `Apache + mod_wsgi, ${daemon === undefined ? 'embedded' : `daemon, ${daemon.threads} threads`}`,
    needs: ['/usr/sbin/apache2', `${APACHE_MODULES}/mod_wsgi.so`],
    static: true,
    python: PYTHON,
    command(setting) {
      const conf = join(setting.dir, 'httpd.conf')
      const own = `${LOADED.map((one) => `LoadModule ${one}_module ${APACHE_MODULES}/mod_${one}.so`).join('\n')}
MaxSpareThreads 150
EnableSendfile On
${options.tls ? `SSLSessionCache "shmcb:${setting.dir}/run/sessions(512000)"` : ''}
${more}`
      writeHttpdConf(conf, httpdConf(setting, options, own))
      return ['/usr/sbin/apache2', '-f', conf, '-DFOREGROUND']
    },
  }
}

export const NODE: Bench = {
  name: 'node:http by itself',
  needs: [],
  python: PYTHON,
  command: ({ port }) => [process.execPath, join(import.meta.dirname, 'hello-node.js'), String(port)],
}

export const OURS_1 = ours({ daemon: { threads: 1 } })
export const OURS_15 = ours({ daemon: { threads: 15 } })
export const OURS_EMBEDDED = ours({})
export const APACHE_DAEMON = apache({ daemon: { threads: 15 } })
export const APACHE_EMBEDDED = apache({})
/** As many connections as are wanted of it. */
export const APACHE_CROWD = apache({
  daemon: { threads: 15 },
  more: 'ServerLimit 80\nStartServers 80\nMaxRequestWorkers 2000\nMaxSpareThreads 2000\nAsyncRequestWorkerFactor 400',
})

/** With threads, so that several requests can wait in the application at once. */
export const THREADED: readonly Bench[] = [
  ...[OURS_15, OURS_EMBEDDED, APACHE_DAEMON, NGINX, GUNICORN_THREADS, WAITRESS, UWSGI_THREADS],
  ...[CHEROOT, GRANIAN],
]
