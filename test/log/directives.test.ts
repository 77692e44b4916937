/** Logging directives: what they refuse, in httpd's words, and what they set. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Settings } from '../../src/config/settings.js'
import { parseDestination } from '../../src/log/destination.js'
import { LEVELS } from '../../src/log/error-log.js'
import { accessLogKey, errorLogKey, serverLevelsKey } from '../../src/log/settings.js'
import { withConfiguration } from '../support/server.js'
import { applyLines } from './support.js'

const WRONG: readonly [line: string, message: string | RegExp][] = [
  [
    'LogLevel foo',
    'Log level keyword must be one of emerg/alert/crit/error/warn/notice/info/debug/trace1/.../trace8',
  ],
  ['LogLevel core:', "Module specifier 'core' must be followed by a log level keyword"],
  [
    'LogLevel core:foo',
    'core:foo: Log level keyword must be one of emerg/alert/crit/error/warn/notice/info/debug/trace1/.../trace8',
  ],
  ['LogLevel frob:debug', 'Cannot find module frob'],
  ['ErrorLogFormat x', "main ErrorLogFormat must contain message format string '%M'"],
  ['ErrorLogFormat foo %M', 'ErrorLogFormat type must be one of request, connection'],
  ['ErrorLogFormat %Z%M', 'Unrecognized error log format directive %Z'],
  ['ErrorLogFormat request %M', '%M cannot be used in once-per-request or once-per-connection formats'],
  ['LogFormat %Z', 'Unrecognized LogFormat directive %Z'],
  ['LogFormat a% x', 'Ran off end of LogFormat parsing args to some directive'],
  ['CustomLog x %h foo', 'error in condition clause'],
  ['CustomLog x %h env=', 'missing environment variable name'],
  ['CustomLog x %h env=!', 'missing environment variable name'],
  ['CustomLog x %h expr=', 'missing condition'],
  ['CustomLog x %h "expr=%{REQUEST_STATUS} -ge"', /^error in condition clause: syntax error/],
  ['CustomLog "| " %h', /^no program after the \|/],
  ['ErrorLog syslog:foo', /^unknown syslog facility "foo"/],
]

for (const [line, message] of WRONG)
  test(`refused: ${line}`, () => {
    assert.throws(() => applyLines(line, { server: new Settings() }), { message })
  })

test('LogLevel: a bare level takes back earlier per-module ones', () => {
  const server = new Settings()
  applyLines('LogLevel wsgi:debug mod_ssl.c:info error alias_module:TRACE1', { server })
  const { level, modules } = server.get(serverLevelsKey)
  assert.equal(LEVELS[level], 'error')
  assert.deepEqual([...modules], [['alias', LEVELS.indexOf('trace1')]])
})

test('ErrorLogFormat: an empty once-format takes back the outer ones', () => {
  const main = new Settings()
  applyLines('ErrorLogFormat request "a %L"\nErrorLogFormat request "b"\nErrorLogFormat "%M"', {
    server: main,
  })
  const host = new Settings()
  applyLines('ErrorLogFormat request ""', { server: host })
  const formats = (settings: Settings) => settings.get(errorLogKey).requestFormats.map(({ text }) => text)
  assert.deepEqual(formats(main), ['a %L', 'b'])
  const merged = Settings.merge(main, host)
  assert.deepEqual(formats(merged), [])
  assert.equal(merged.get(errorLogKey).format?.text, '%M')
})

test('logs know the line they were written on', () => {
  const server = new Settings()
  applyLines('ErrorLog a\nCustomLog b c', { server })
  assert.equal(server.get(errorLogKey).errorLog.at?.line, 1)
  assert.equal(server.get(accessLogKey).logs[0]?.destination.at?.line, 2)
})

test('destinations', () => {
  const of = (text: string, purpose: 'error' | 'access' = 'error') =>
    parseDestination(text, purpose, '/etc/httpd')
  assert.deepEqual(of('logs/e'), { kind: 'file', path: '/etc/httpd/logs/e' })
  assert.deepEqual(of('/e'), { kind: 'file', path: '/e' })
  assert.deepEqual(of('||prog a'), { kind: 'pipe', command: 'prog a' })
  assert.deepEqual(of('|$prog > x'), { kind: 'pipe', command: '$prog > x' })
  assert.deepEqual(of('syslog'), { kind: 'syslog', facility: 'local7', tag: undefined })
  assert.deepEqual(of('syslog:USER'), { kind: 'syslog', facility: 'user', tag: undefined })
  assert.deepEqual(of('syslog:local1:web:1'), { kind: 'syslog', facility: 'local1', tag: 'web:1' })
  assert.deepEqual(of('syslog::web'), { kind: 'syslog', facility: 'local7', tag: 'web' })
  assert.deepEqual(of('syslog', 'access'), { kind: 'file', path: '/etc/httpd/syslog' })
  assert.deepEqual(of('syslogs'), { kind: 'file', path: '/etc/httpd/syslogs' })
})

test('-t warns of the nickname of a format that there is not, once', () =>
  withConfiguration(
    {
      conf: `LogFormat %h mine
CustomLog a.log mine
CustomLog b.log Mine
CustomLog c.log %h
GlobalLog d.log other
<VirtualHost *>
    LogFormat %h inside
    CustomLog e.log inside
</VirtualHost>`,
    },
    ['-t'],
    ({ code, stderr }, { root }) => {
      const warning = (name: string, line: number) =>
        `wsgi-httpd: warning: There is no LogFormat with the nickname ${name}: each line of this log will be that word. (${root}/httpd.conf:${line})\n`
      assert.equal(stderr, `${warning('Mine', 3)}${warning('other', 5)}Syntax OK\n`)
      assert.equal(code, 0)
    },
  ))
