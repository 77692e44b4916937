/**
 * What applications write ends in the error log of the virtual host that they belong to, whole and in order, by whichever way it was
 * written; and in no other log.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { skipWithout } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'

/** What a request asks for is done in the middle of an otherwise quiet answer. */
const APPLICATION = `
import logging
import os
import sys

logging.basicConfig()

def application(environ, start_response):
    mark = environ['QUERY_STRING']
    what = environ['PATH_INFO'].rsplit('/', 1)[-1]
    start_response('200 OK', [('Content-Type', 'text/plain')])
    if what == 'errors':
        environ['wsgi.errors'].write('first of ' + mark + '\\n')
        environ['wsgi.errors'].write('half a line, ')
        environ['wsgi.errors'].flush()
        environ['wsgi.errors'].writelines(['second of ' + mark + '\\n', 'third of ' + mark + '\\n'])
    elif what == 'print':
        print('printed ' + mark)
    elif what == 'descriptor':
        os.write(2, ('descriptor 2 ' + mark + '\\n').encode('ascii'))
        os.write(1, ('descriptor 1 ' + mark + '\\n').encode('ascii'))
    elif what == 'child':
        os.system('echo child ' + mark + ' >&2')
    elif what == 'logging':
        logging.getLogger('shop').warning('logged %s', mark)
    elif what == 'long':
        print('L' * 20000 + mark)
    elif what == 'hostile':
        environ['wsgi.errors'].write('[Sun Nov 22 09:00:00 2026] [core:alert] forged\\x1b[31m \\x00 ' + mark + '\\n')
    elif what == 'raise':
        outer(mark)
    return [b'written']

def outer(mark):
    try:
        {}['no such key']
    except KeyError:
        raise ValueError('raised on purpose\\nin a request for ' + mark)
`

const HOSTS = ['one', 'two'] as const
const DAEMON = HOSTS.map(
  (host) => `<VirtualHost *:\${PORT}>
    ServerName ${host}.example.com
    ErrorLog ${host}.log
    WSGIDaemonProcess ${host} threads=2
    WSGIScriptAlias / "\${ROOT}/apps/writes.wsgi" process-group=${host} application-group=%{GLOBAL}
    WSGIScriptAlias /own "\${ROOT}/apps/writes.wsgi" process-group=${host} application-group=own
</VirtualHost>
`,
).join('')
const EMBEDDED = HOSTS.map(
  (host) => `<VirtualHost *:\${PORT}>
    ServerName ${host}.example.com
    ErrorLog ${host}.log
    WSGIScriptAlias / "\${ROOT}/apps/writes.wsgi" application-group=${host}
</VirtualHost>
`,
).join('')

/** Each way of writing, and what of it is to be found. `%` stands for the mark of the request. */
const WAYS: readonly {
  readonly what: string
  readonly lines: readonly string[]
  readonly status?: number
}[] = [
  { what: 'errors', lines: ['first of %', 'second of %', 'third of %'] },
  { what: 'print', lines: ['printed %'] },
  { what: 'logging', lines: ['WARNING:shop:logged %'] },
  {
    what: 'raise',
    status: 500,
    lines: [
      'Traceback (most recent call last):',
      "KeyError: 'no such key'",
      'During handling of the above exception, another exception occurred:',
      'in outer',
      'ValueError: raised on purpose',
      'in a request for %',
    ],
  },
]
/** What goes round Python: only where the process is one virtual host's own can it be told whose it is. */
const BELOW_PYTHON: typeof WAYS = [
  { what: 'descriptor', lines: ['descriptor 2 %', 'descriptor 1 %'] },
  { what: 'child', lines: ['child %'] },
]

describe('what an application writes', { skip: skipWithout('3'), concurrency: true }, () => {
  test('goes to the error log of its virtual host in daemon mode', async (t) => {
    await withServer({ conf: DAEMON, apps: { 'writes.wsgi': APPLICATION } }, async (server) => {
      for (const place of ['', '/own'])
        for (const way of [...WAYS, ...BELOW_PYTHON])
          await t.test(`${way.what}${place && ' in a sub-interpreter'}`, () => checkBoth(server, place, way))
      await t.test('long lines lose nothing', () => checkLong(server))
      await t.test('control characters are escaped', () => checkHostile(server))
    })
  })

  test('goes to the error log of its virtual host in embedded mode', async (t) => {
    await withServer({ conf: EMBEDDED, apps: { 'writes.wsgi': APPLICATION } }, async (server) => {
      for (const way of WAYS) await t.test(way.what, () => checkBoth(server, '', way))
      // Descriptors are the whole server's in this mode: nothing is lost, but it is in the main log.
      const answer = await server.get('/descriptor?embedded-mark', { headers: { Host: 'one.example.com' } })
      assert.equal(answer.status, 200)
      await server.waitForLog(/descriptor 2 embedded-mark/)
    })
  })
})

let marks = 0

/** Asks both hosts at the same time; each mark must be in its host's log alone. */
async function checkBoth(server: TestServer, place: string, way: (typeof WAYS)[number]): Promise<void> {
  await Promise.all(
    HOSTS.map(async (host) => {
      const mark = `mark-${host}-${++marks}.`
      const answer = await server.get(`${place}/${way.what}?${mark}`, {
        headers: { Host: `${host}.example.com` },
      })
      assert.equal(answer.status, way.status ?? 200)
      await server.waitForLog(new RegExp(way.lines.at(-1)?.replace('%', mark) ?? ''), `${host}.log`)
      const log = server.layout.read(`${host}.log`)
      let at = -1
      for (const line of way.lines) {
        const next = log.indexOf(line.replace('%', mark), at + 1)
        assert.ok(next > at, `"${line}" in its order in ${host}.log:\n${log}`)
        at = next
      }
      const others = ['error.log', ...HOSTS.filter((other) => other !== host).map((other) => `${other}.log`)]
      for (const other of others) assert.ok(!server.layout.read(other).includes(mark), `${mark} in ${other}`)
    }),
  )
}

/** A line may be split into several records, but nothing of it is left out. */
async function checkLong(server: TestServer): Promise<void> {
  await server.get('/long?end-of-it', { headers: { Host: 'one.example.com' } })
  await server.waitForLog(/L+end-of-it/, 'one.log')
  const written =
    server.layout
      .read('one.log')
      .match(/L{100,}/g)
      ?.join('') ?? ''
  assert.equal(written.length, 20_000)
}

/** Nothing that an application writes can pass for a line of another origin, or reach a terminal as more than text. */
async function checkHostile(server: TestServer): Promise<void> {
  await server.get('/hostile?hostile-mark', { headers: { Host: 'one.example.com' } })
  await server.waitForLog(/hostile-mark/, 'one.log')
  const log = server.layout.read('one.log')
  assert.ok(!log.includes('\x1b') && !log.includes('\0'))
  const line = log.split('\n').find((one) => one.includes('hostile-mark'))
  assert.match(line ?? '', /^\[[^\]]+\] \[wsgi:error\] /)
}
