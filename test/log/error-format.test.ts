/** Lines of the error log, against what httpd 2.4.71 wrote for the same formats and requests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Settings } from '../../src/config/settings.js'
import { compileErrorFormat, defaultLine, MAX_LINE_BYTES, plainLine } from '../../src/log/error-format.js'
import type { LogRecord } from '../../src/log/error-log.js'
import { levelNumber } from '../../src/log/levels.js'
import { makeRequest, makeServer, names } from './support.js'

/** Sun Nov 22 13:27:18.302043 2026 UTC. */
const TIME = 1795354038302043

const server = makeServer(new Settings())

function source(record: Partial<LogRecord>) {
  const full: LogRecord = {
    module: 'authz_core',
    level: 'error',
    message: 'text',
    pid: 71,
    tid: 74,
    ...record,
  }
  return { record: full, level: levelNumber(full.level) as number, time: TIME, server, names }
}

const DENIED = {
  code: 'AH01630',
  message: 'client denied by server configuration: /tmp/lp/htdocs/sec/x',
} as const

function denied(headers: readonly string[], keepalives = 0): Partial<LogRecord> {
  return {
    ...DENIED,
    request: makeRequest({
      headers,
      connection: { remoteAddress: '127.0.0.1', remotePort: 38722, localAddress: '127.0.0.1', keepalives },
      set: (request) => {
        request.hostname = 'ab'
      },
    }),
  }
}

test('the built-in line', async (t) => {
  await t.test('of a server record', () => {
    assert.equal(
      defaultLine(source({ module: 'mpm_event', level: 'notice', code: 'AH00489', message: 'resuming' })),
      '[Sun Nov 22 13:27:18.302043 2026] [mpm_event:notice] [pid 71:tid 74] AH00489: resuming',
    )
  })
  await t.test('of a request with referer', () => {
    assert.equal(
      defaultLine(source(denied(['Referer', 'http://ref']))),
      '[Sun Nov 22 13:27:18.302043 2026] [authz_core:error] [pid 71:tid 74] [client 127.0.0.1:38722] AH01630: client denied by server configuration: /tmp/lp/htdocs/sec/x, referer: http://ref',
    )
  })
  await t.test('with a system error', () => {
    const line = defaultLine(source({ cause: { errno: -13, code: 'EACCES' } }))
    assert.ok(line.endsWith('[pid 71:tid 74] (13)Permission denied: text'), line)
  })
  await t.test('without time for syslog', () => {
    assert.equal(defaultLine(source({}), false), '[authz_core:error] [pid 71:tid 74] text')
  })
  await t.test('with this process as the default', () => {
    const line = defaultLine(source({ pid: undefined, tid: undefined }))
    assert.ok(line.includes(`[pid ${process.pid}:tid ${process.pid}]`), line)
  })
})

test('hostile text stays on its line', () => {
  assert.equal(
    plainLine({ module: 'core', level: 'error', message: 'a\nb\x00\x1b[31m"\\\xc3\xa9\t\x7f' }),
    'a\\nb\\x00\\x1b[31m"\\\\\\xc3\\xa9\\t\\x7f',
  )
  const line = defaultLine(source(denied(['Referer', 'q"\\\t\xe9/'])))
  assert.ok(line.endsWith(', referer: q\\"\\\\\\t\\xe9/'), line)
})

test('a long record is cut', () => {
  assert.equal(
    plainLine({ module: 'wsgi', level: 'error', message: 'x'.repeat(20_000) }).length,
    MAX_LINE_BYTES,
  )
})

test('a format with everything, as httpd prints it', () => {
  const format = compileErrorFormat(
    '[%{u}t] [%t] [%{m}t] [%{cu}t] [%{cuz}t] [%{z}t] [%{%F %T}t] [%-m:%l] [pid %P:tid %{g}T] %7F: %E: [client\\ %a] %A %{c}a %{Nope}i x% y%{Nope}ez% w %M%% |% ,\\ referer\\ %{Referer}i|%-{Nope}i|%v %V %k %L %{c}L %{C}L a\\nb\\qc\\d',
    'main',
  )
  const times =
    '[Sun Nov 22 13:27:18.302043 2026] [Sun Nov 22 13:27:18 2026] [Sun Nov 22 13:27:18.302 2026] [2026-11-22 13:27:18.302043] [2026-11-22 13:27:18.302043 +0000] [Sun Nov 22 13:27:18 2026 +0000] [2026-11-22 13:27:18]'

  const first = source(denied(['Referer', 'http://ref\\\t\xe9/']))
  const id = first.record.request?.id
  assert.equal(
    format(first),
    `${times} [authz_core:error] [pid 71:tid 74] [client 127.0.0.1:38722] 127.0.0.1:18191 127.0.0.1:38722 xw AH01630: client denied by server configuration: /tmp/lp/htdocs/sec/x% |, referer http://ref\\\\\\t\\xe9/|-|main.example ab 0 ${id} CONN CONN a\nbqcd`,
  )

  const second = source(denied([], 1))
  assert.equal(
    format(second),
    `${times} [authz_core:error] [pid 71:tid 74] [client 127.0.0.1:38722] 127.0.0.1:18191 127.0.0.1:38722 xw AH01630: client denied by server configuration: /tmp/lp/htdocs/sec/x% | ab 1 ${second.record.request?.id} CONN CONN a\nbqcd`,
  )

  assert.equal(
    format(
      source({
        module: 'mpm_event',
        level: 'notice',
        code: 'AH00491',
        message: 'caught SIGTERM, shutting down',
      }),
    ),
    `${times} [mpm_event:notice] [pid 71:tid 74] xw AH00491: caught SIGTERM, shutting down% | a\nbqcd`,
  )
})

test('modifiers', async (t) => {
  const line = (format: string, record: Partial<LogRecord>, kind: 'main' | 'once' = 'main') =>
    compileErrorFormat(format, kind)(source(record))
  await t.test('+ drops the whole line', () => {
    assert.equal(line('REQ %+{UA}i', denied([]), 'once'), '')
    assert.equal(line('REQ %+{UA}i', denied(['ua', 'me']), 'once'), 'REQ me')
  })
  await t.test('a number prints only at that level and below it', () => {
    assert.equal(line('%M %7m', { level: 'info' }), 'text')
    assert.equal(line('%M %7m', { level: 'debug' }), 'text authz_core')
  })
  await t.test('- prints a hyphen', () => {
    assert.equal(line('%M %-{x}e', denied([])), `AH01630: ${DENIED.message} -`)
  })
  await t.test('variables and notes', () => {
    const record = denied([])
    record.request?.env.set('x', 'é')
    record.request?.notes.set('y', 'n')
    assert.equal(line('%M %{x}e %{y}n', record), `AH01630: ${DENIED.message} \\xe9 n`)
  })
})

test('wrong formats, in the words of httpd', () => {
  const cases: [string, 'main' | 'once', string][] = [
    ['x', 'main', "main ErrorLogFormat must contain message format string '%M'"],
    ['%Z %M', 'main', 'Unrecognized error log format directive %Z'],
    ['%M %', 'main', 'Ran off end of error log format parsing args to some directive'],
    ['%M %{x', 'main', 'Ran off end of error log format parsing args to some directive'],
    ['%M', 'once', '%M cannot be used in once-per-request or once-per-connection formats'],
  ]
  for (const [format, kind, message] of cases)
    assert.throws(() => compileErrorFormat(format, kind), { message }, format)
})
