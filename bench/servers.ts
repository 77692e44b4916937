/**
 * The servers that `npm run bench` compares: how each is started with the same application. A peer that is not installed is left out.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export interface Bench {
  readonly name: string
  /** What has to be there; the first missing one is named when the server is left out. */
  readonly needs: readonly string[]
  /** Command line. `dir` is a private directory, `app` the directory of `hello.py`. */
  command(setting: { readonly port: number; readonly dir: string; readonly app: string }): string[]
}

const ROOT = resolve(import.meta.dirname, '../..')
const PYTHON =
  ['/usr/bin/python3', 'python3'].find((python) => spawnSync(python, ['-c', '']).status === 0) ?? 'python3'

/** A configuration like a real site's: a virtual host, access rules, an access log. */
function ours(threads: number, embedded = false): Bench {
  return {
    name: `wsgi-httpd, ${embedded ? 'embedded' : `daemon, ${threads} thread${threads > 1 ? 's' : ''}`}`,
    needs: [],
    command({ port, dir, app }) {
      const group = embedded ? '' : 'process-group=hello application-group=%{GLOBAL}'
      const conf = join(dir, 'httpd.conf')
      writeFileSync(
        conf,
        `
ServerRoot "${dir}"
ServerName localhost
Listen 127.0.0.1:${port}
PidFile "${dir}/httpd.pid"
DefaultRuntimeDir "${dir}"
ErrorLog "${dir}/error.log"
ServerLimit 1
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
MaxKeepAliveRequests 0
LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
WSGIPythonHome "${pythonPrefix()}"
${embedded ? '' : `WSGIDaemonProcess hello processes=1 threads=${threads}`}
<Directory />
  Require all denied
</Directory>
<VirtualHost *:${port}>
  ServerName localhost
  CustomLog "${dir}/access.log" combined
  WSGIScriptAlias / "${app}/hello.py" ${group}
  <Directory "${app}">
    Require all granted
  </Directory>
</VirtualHost>
`,
      )
      return [process.execPath, join(ROOT, 'bin/wsgi-httpd.js'), '-f', conf, '-DFOREGROUND']
    },
  }
}

function pythonPrefix(): string {
  return spawnSync(PYTHON, ['-c', 'import sys; print(sys.prefix)'], { encoding: 'utf8' }).stdout.trim()
}

function apache(name: string, daemon: string): Bench {
  return {
    name,
    needs: ['/usr/sbin/apache2', '/usr/lib/apache2/modules/mod_wsgi.so'],
    command({ port, dir, app }) {
      const conf = join(dir, 'httpd.conf')
      const modules = '/usr/lib/apache2/modules'
      mkdirSync(join(dir, 'run'), { recursive: true })
      writeFileSync(
        conf,
        `
ServerRoot "${dir}"
ServerName localhost
Listen 127.0.0.1:${port}
PidFile "${dir}/httpd.pid"
DefaultRuntimeDir "${dir}/run"
ErrorLog "${dir}/error.log"
LoadModule mpm_event_module ${modules}/mod_mpm_event.so
LoadModule authz_core_module ${modules}/mod_authz_core.so
LoadModule wsgi_module ${modules}/mod_wsgi.so
User www-data
Group www-data
MaxKeepAliveRequests 0
MaxSpareThreads 150
LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
CustomLog "${dir}/access.log" combined
${daemon ? `WSGIDaemonProcess hello ${daemon}` : ''}
WSGIScriptAlias / "${app}/hello.py" ${daemon ? 'process-group=hello application-group=%{GLOBAL}' : ''}
<Directory "${app}">
  Require all granted
</Directory>
`,
      )
      return ['/usr/sbin/apache2', '-f', conf, '-DFOREGROUND']
    },
  }
}

export const SERVERS: readonly Bench[] = [
  {
    name: 'node:http by itself',
    needs: [],
    command: ({ port }) => [process.execPath, join(import.meta.dirname, 'hello-node.js'), String(port)],
  },
  ours(1),
  ours(15),
  ours(15, true),
  apache('Apache + mod_wsgi, daemon, 15 threads', 'processes=1 threads=15'),
  apache('Apache + mod_wsgi, embedded', ''),
  {
    name: 'gunicorn, sync, 2 workers',
    needs: ['/usr/bin/gunicorn'],
    command: ({ port, app }) => [
      '/usr/bin/gunicorn',
      '-w',
      '2',
      '-b',
      `127.0.0.1:${port}`,
      '--chdir',
      app,
      'hello:application',
    ],
  },
  {
    name: 'waitress, 15 threads',
    needs: ['/usr/bin/waitress-serve'],
    command: ({ port, app }) => [
      '/usr/bin/env',
      '-C',
      app,
      '/usr/bin/waitress-serve',
      `--listen=127.0.0.1:${port}`,
      '--threads=15',
      'hello:application',
    ],
  },
  {
    name: 'uWSGI, 15 threads (no keep-alive)',
    needs: ['/usr/bin/uwsgi-core', '/usr/lib/uwsgi/plugins/python3_plugin.so'],
    command: ({ port, app }) => [
      '/usr/bin/uwsgi-core',
      '--plugins-dir',
      '/usr/lib/uwsgi/plugins',
      '--plugin',
      'python3',
      '--http-socket',
      `127.0.0.1:${port}`,
      '--master',
      '--threads',
      '15',
      '--disable-logging',
      '--listen',
      '128',
      '--chdir',
      app,
      '--wsgi-file',
      'hello.py',
    ],
  },
]

/** The first thing a server needs that is not there. */
export function missing(server: Bench): string | undefined {
  return server.needs.find((path) => !existsSync(path))
}
