/**
 * The peers that are no httpd: nginx, and the servers of Python's world.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { interpreterOf, PYTHON, program, pythonWith } from './installed.js'
import type { Bench } from './servers.js'

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
    python: interpreterOf(path),
    command: ({ port, app }) => ['/usr/bin/env', '-C', app, 'PYTHONPATH=.', path, ...words(port)],
  }
}

const UWSGI = [
  ...['--plugins-dir', '/usr/lib/uwsgi/plugins', '--plugin', 'python3', '--master', '--die-on-term'],
  ...['--disable-logging', '--listen', '1024', '--threads', '15', '--wsgi-file', 'hello.py'],
]
const UWSGI_NEEDS = ['/usr/lib/uwsgi/plugins/python3_plugin.so']

export const NGINX: Bench = {
  name: 'nginx + uWSGI, 15 threads',
  needs: [program('nginx'), program('uwsgi-core'), '/etc/nginx/uwsgi_params', ...UWSGI_NEEDS],
  static: true,
  python: PYTHON,
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

/** Peers that can have several processes, with so many of them. */
export function severalProcesses(processes: number): readonly Bench[] {
  const more = `${processes} × 15 threads`
  return [
    started(`gunicorn, ${more}`, 'gunicorn', (port) => [
      ...['-w', String(processes), '-k', 'gthread', '--threads', '15', '-b', `127.0.0.1:${port}`],
      'hello:application',
    ]),
    started(
      `uWSGI, ${more} (no keep-alive)`,
      'uwsgi-core',
      (port) => [
        ...['--http-socket', `127.0.0.1:${port}`, '--add-header', 'Connection: close', ...UWSGI],
        ...['--processes', String(processes)],
      ],
      UWSGI_NEEDS,
    ),
    started(`Granian, ${more}`, 'granian', (port) => [
      ...['--interface', 'wsgi', '--host', '127.0.0.1', '--port', String(port), '--no-ws'],
      ...['--workers', String(processes), '--blocking-threads', '15', 'hello:application'],
    ]),
  ]
}

export const GUNICORN_SYNC = started('gunicorn, sync, 2 workers', 'gunicorn', (port) => [
  ...['-w', '2', '-b', `127.0.0.1:${port}`, 'hello:application'],
])
export const GUNICORN_THREADS = started('gunicorn, 15 threads', 'gunicorn', (port) => [
  ...['-k', 'gthread', '--threads', '15', '-b', `127.0.0.1:${port}`, 'hello:application'],
])
// as many connections as are wanted of them, and for long enough
export const GRANIAN_CROWD = started('Granian, 15 threads', 'granian', (port) => [
  ...['--interface', 'wsgi', '--host', '127.0.0.1', '--port', String(port), '--backlog', '20000'],
  ...['--backpressure', '20000', '--blocking-threads', '15', '--no-ws', 'hello:application'],
])
export const GUNICORN_CROWD = started('gunicorn, 15 threads', 'gunicorn', (port) => [
  ...['-k', 'gthread', '--threads', '15', '--keep-alive', '120', '--worker-connections', '20000'],
  ...['-b', `127.0.0.1:${port}`, 'hello:application'],
])
export const WAITRESS_CROWD = started('waitress, 15 threads', 'waitress-serve', (port) => [
  ...[`--listen=127.0.0.1:${port}`, '--threads=15', '--connection-limit=20000', '--asyncore-use-poll'],
  'hello:application',
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
const bjoernPython = pythonWith('bjoern') ?? 'bjoern'
/** It has no command of its own: it is called from Python. */
export const BJOERN: Bench = {
  name: 'bjoern, 1 thread',
  needs: [bjoernPython],
  python: bjoernPython,
  command: ({ port, app }) => [
    ...['/usr/bin/env', '-C', app, bjoernPython, '-c'],
    `import bjoern, sys; sys.path.insert(0, '.'); from hello import application; bjoern.run(application, '127.0.0.1', ${port})`,
  ],
}
