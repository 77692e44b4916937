/** What the tests of daemon processes share: an application that does as it is told, and configurations with one group for each line of options. */
import assert from 'node:assert/strict'
import { withNewest } from '../support/pythons.js'
import type { ServerOptions, TestServer } from '../support/server.js'

export const isRoot = process.getuid?.() === 0

/** One Python 2, the oldest and the newest with sub-interpreters, and one between; as far as they are on this machine. */
export const VERSIONS: readonly string[] = withNewest('2.7', '3.8', '3.11')

/** Runs on Python 2.7 and 3. The path says what it does; it answers with the process id otherwise. */
export const LIFE = `
import ctypes, os, sys, time

def application(environ, start_response):
    what, query = environ['PATH_INFO'], environ['QUERY_STRING']
    body = str(os.getpid())
    headers = [('Content-Type', 'text/plain')]
    sys.stderr.write('%s has begun\\n' % what)
    sys.stderr.flush()
    if what == '/spin':
        while True:
            pass
    elif what == '/stuck':
        ctypes.PyDLL(None).sleep(1000)
    elif what == '/loop':
        while True:
            time.sleep(0.01)
    elif what == '/swallow':
        while True:
            try:
                while True:
                    time.sleep(0.01)
            except BaseException:
                pass
    elif what == '/sleep':
        time.sleep(float(query))
        sys.stderr.write('%s has ended in %s\\n' % (what, body))
        sys.stderr.flush()
    elif what == '/memory':
        body = str(len(bytearray(1 << 30)))
    elif what == '/limits':
        import resource, threading
        body = ' '.join(str(resource.getrlimit(getattr(resource, 'RLIMIT_' + name))[0]) for name in ('DATA', 'AS', 'CPU'))
        body += ' %d' % threading.stack_size()
    elif what == '/echo':
        def echo():
            while True:
                block = environ['wsgi.input'].read(50000)
                if not block:
                    return
                yield block
        start_response('200 OK', headers)
        return echo()
    elif what == '/headers':
        headers.append(('X-Long', 'x' * int(query)))
    elif what == '/stream':
        start_response('200 OK', headers)
        def generate():
            for _ in range(3):
                yield b'piece '
                time.sleep(0.01)
        return generate()
    elif what == '/steady':
        def steady():
            for count in range(8):
                time.sleep(float(query))
                yield b'piece '
        start_response('200 OK', headers)
        return steady()
    elif what == '/half':
        write = start_response('200 OK', headers + [('Content-Length', '100')])
        write(b'half')
        time.sleep(1000)
    elif what == '/count':
        with open(query, 'a') as file:
            file.write('x')
        time.sleep(1)
    body = body.encode('ascii')
    start_response('200 OK', headers + [('Content-Length', str(len(body)))])
    return [body]
`

/** A configuration in which group `name` has those options and serves `/name`. */
export function groups(
  options: Readonly<Record<string, string>>,
  more: Partial<ServerOptions> = {},
): ServerOptions {
  const conf = Object.entries(options).map(
    ([name, words]) => `WSGIDaemonProcess ${name} ${words}
WSGIScriptAlias /${name} "\${ROOT}/apps/life.wsgi" process-group=${name} application-group=%{GLOBAL}`,
  )
  return { ...more, conf: [...conf, more.conf ?? ''].join('\n'), apps: { 'life.wsgi': LIFE, ...more.apps } }
}

/** Id of the process that serves the group now. */
export async function pidOf(server: TestServer, group: string): Promise<number> {
  const answer = await server.get(`/${group}/pid`)
  assert.equal(answer.status, 200, answer.text)
  return Number(answer.text)
}

/** Waits until the process has said that in the log. */
export function said(server: TestServer, pid: number, text: string): Promise<void> {
  const literal = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return server.waitForLog(
    new RegExp(`mod_wsgi \\(pid=${pid}\\): ${literal}`),
  ) as Promise<unknown> as Promise<void>
}
