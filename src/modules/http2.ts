/**
 * mod_http2: the directives; the protocol itself is in src/http/http2/. Which hosts speak it is said by `Protocols`.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_http2.html
 */
import { argv, type Directive, directive, flag, take1 } from '../config/directive.js'
import type { Request } from '../request/request.js'
import { http2Settings } from './http2/settings.js'
import type { HttpdModule, Outcome } from './module.js'

const SERVER = { contexts: ['server', 'vhost'] } as const

const effective = [
  directive({
    name: 'H2MaxSessionStreams',
    syntax: 'n',
    ...SERVER,
    default: '100',
    help: 'Maximum number of open streams per session',
    ...take1((cmd, word) => {
      const count = /^\d{1,9}$/.test(word) ? Number(word) : 0
      if (count < 1) cmd.fail('value must be > 0')
      cmd.server.draft(http2Settings).maxSessionStreams = count
    }),
  }),
  directive({
    name: 'H2WindowSize',
    syntax: 'bytes',
    ...SERVER,
    default: '65535',
    help: 'Window size on client DATA',
    ...take1((cmd, word) => {
      const bytes = /^\d{1,10}$/.test(word) ? Number(word) : 0
      if (bytes < 1024) cmd.fail('value must be >= 1024')
      if (bytes > 2_147_483_647) cmd.fail('value must be <= 2147483647')
      cmd.server.draft(http2Settings).windowSize = bytes
    }),
  }),
  directive({
    name: 'H2StreamTimeout',
    syntax: 'seconds',
    ...SERVER,
    default: 'the value of Timeout',
    help: 'How long a stream may wait for its client',
    ...take1((cmd, word) => {
      if (!/^\d{1,6}s?$/i.test(word)) cmd.fail('Invalid time value')
      cmd.server.draft(http2Settings).streamTimeout = Number.parseInt(word, 10)
    }),
  }),
  directive({
    name: 'H2Direct',
    syntax: 'on|off',
    ...SERVER,
    default: 'on where Protocols has h2c',
    help: 'HTTP/2 without TLS, known by its first bytes',
    ...flag((cmd, on) => {
      cmd.server.draft(http2Settings).direct = on
    }),
  }),
  directive({
    name: 'H2ModernTLSOnly',
    syntax: 'on|off',
    ...SERVER,
    default: 'on',
    help: 'HTTP/2 over TLS 1.2 with forward secrecy and authenticated encryption, or better, only',
    ...flag((cmd, on) => {
      cmd.server.draft(http2Settings).modernTlsOnly = on
    }),
  }),
  directive({
    name: 'H2ProxyRequests',
    syntax: 'on|off',
    ...SERVER,
    default: 'off',
    help: 'Must be off: this server is no forward proxy',
    ...flag((cmd, on) => {
      if (on) cmd.fail('H2ProxyRequests on is not supported: this server is no forward proxy')
    }),
  }),
]

const WORKERS = 'streams need no threads of their own'
const PUSH = 'nothing is pushed: browsers no longer take it'
const MEMORY = 'flow control bounds what a stream may hold'

/** Read and checked only. */
const accepted: readonly Directive[] = [
  ...['H2MinWorkers', 'H2MaxWorkers', 'H2MaxWorkerIdleSeconds'].map((name) => inert(name, WORKERS)),
  ...['H2Push', 'H2PushPriority', 'H2PushDiarySize'].map((name) => inert(name, PUSH)),
  inert('H2PushResource', PUSH, ['server', 'vhost', 'directory', 'htaccess']),
  inert('H2EarlyHints', 'applications cannot send early hints'),
  inert('H2EarlyHint', 'applications cannot send early hints', ['server', 'vhost', 'directory', 'htaccess']),
  ...['H2StreamMaxMemSize', 'H2MaxHeaderBlockLen', 'H2MaxDataFrameLen', 'H2OutputBuffering'].map((name) =>
    inert(name, MEMORY),
  ),
  inert('H2MaxStreamErrors', 'clients that break the protocol are cut off after a number that is fixed'),
  ...['H2TLSWarmUpSize', 'H2TLSCoolDownSecs', 'H2Padding'].map((name) =>
    inert(name, 'the size of TLS records and frames is not tuned'),
  ),
  ...['H2SerializeHeaders', 'H2SessionExtraFiles', 'H2CopyFiles'].map((name) =>
    inert(name, 'it was for the inner workings of older versions of httpd'),
  ),
  inert('H2Upgrade', 'HTTP/2 begins by ALPN or prior knowledge, not by Upgrade'),
  inert('H2WebSockets', 'WebSockets are not carried over HTTP/2; clients use HTTP/1.1 for them'),
]

function inert(name: string, why: string, contexts: Directive['contexts'] = SERVER.contexts): Directive {
  return directive({
    name,
    syntax: 'value',
    contexts,
    override: 'FileInfo',
    help: 'Has no effect',
    accepted: why,
    ...argv((cmd, words) => {
      if (words.length === 0) cmd.fail(`${name} takes at least one argument`)
    }),
  })
}

/** What applications and rewrite rules can tell it by. */
function fixups(request: Request): Outcome {
  if (request.protocol === 'HTTP/2.0') {
    request.env.set('HTTP2', 'on')
    // Nothing is ever pushed, so that no application need name what could be.
    request.env.set('H2PUSH', 'off')
  }
  return undefined
}

export const http2 = {
  id: 'http2_module',
  source: 'mod_http2.c',
  directives: [...effective, ...accepted],
  hooks: { fixups },
} satisfies HttpdModule
