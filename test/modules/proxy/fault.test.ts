import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Exchange, faultOf } from '../../../src/modules/proxy/fault.js'
import { HandshakeFault } from '../../../src/modules/proxy/tls-agent.js'

const BEFORE: Exchange = {
  plan: { host: 'b', port: 81, socketPath: undefined },
  path: '/p',
  connected: false,
  late: false,
}
const LATE = { ...BEFORE, late: true }
const CONNECTED = { ...BEFORE, connected: true }

const coded = (code: string) => Object.assign(new Error(`fault ${code}`), { code })
const attempt = (what: string, where = 'b:81') => [
  `AH00957 ${what}: HTTP: attempt to connect to ${where} (b) failed`,
  'AH01114 HTTP: failed to make connection to backend: b',
]

test('what a failed exchange means for the client, the backend and the log', () => {
  const rows: [Error, Exchange, status: number, isDown: boolean, lines: string[]][] = [
    [coded('ECONNREFUSED'), BEFORE, 503, true, attempt('ECONNREFUSED')],
    [
      coded('ENOENT'),
      { ...BEFORE, plan: { ...BEFORE.plan, socketPath: '/s' } },
      503,
      true,
      attempt('ENOENT', '/s'),
    ],
    [new Error('timeout'), LATE, 503, true, attempt('(110)Connection timed out')],
    [coded('ETIMEDOUT'), BEFORE, 503, true, attempt('(110)Connection timed out')],
    [coded('ECONNRESET'), BEFORE, 502, true, attempt('ECONNRESET')],
    [coded('ENOTFOUND'), BEFORE, 502, true, ['AH00898 DNS lookup failure for: b']],
    [
      coded('ECONNRESET'),
      CONNECTED,
      502,
      false,
      ['AH01102 ECONNRESET: error reading status line from remote server b:81'],
    ],
    [
      new Error('timeout'),
      { ...CONNECTED, late: true },
      504,
      false,
      ['AH01102 The timeout specified has expired: error reading status line from remote server b:81'],
    ],
    [
      new HandshakeFault('no certificate'),
      BEFORE,
      500,
      false,
      [
        'AH01997 TLS with b:81 (b) failed: no certificate',
        'AH00898 Error during SSL Handshake with remote server returned by /p',
      ],
    ],
  ]
  for (const [error, exchange, status, isDown, lines] of rows) {
    const fault = faultOf(error, exchange)
    const told = fault.lines.map(([, code, message]) => `${code} ${message}`)
    assert.deepEqual([fault.status, fault.isDown, told], [status, isDown, lines], error.message)
  }
})
