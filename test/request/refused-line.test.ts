/** What logs show of requests that were refused before they were any. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRefusedLine } from '../../src/request/refused-line.js'
import { withServer } from '../support/server.js'
import { until } from '../support/wait.js'

test('a refused line has the parts that httpd shows', () => {
  const rows: readonly [line: string, method: string, target: string, protocol: string][] = [
    ['POST /u?a HTTP/1.1', 'POST', '/u?a', 'HTTP/1.1'],
    ['GET / b', 'GET', '/', 'HTTP/1.0'],
    ['GET', 'GET', '/', 'HTTP/1.0'],
    ['G(T /x HTTP/1.1', 'G(T', '/x', 'HTTP/1.1'],
    ['GET x HTTP/1.1', 'GET', 'x', 'HTTP/1.1'],
    ['GET /x HTXP/1.1', 'GET', '/x', 'HTTP/1.0'],
    ['PRI * HTTP/2.0', 'PRI', '*', 'HTTP/2.0'],
    ['\x16\x03\x01\x02', '-', '-', 'HTTP/1.0'],
    ['', '-', '-', 'HTTP/1.0'],
  ]
  for (const [line, method, target, protocol] of rows)
    assert.deepEqual(readRefusedLine(line), { method, target, protocol }, line)
})

const LONG = 'x'.repeat(300)
const CONF = `RequestReadTimeout header=1
LimitRequestLine 200
LimitRequestFieldSize 200
LimitRequestFields 5
LogFormat "%r|%m|%U|%q|%H|%s" parts
CustomLog parts.log parts`

test('the access log shows a refused request as it came, and the error log why', async () => {
  const rows: readonly [sent: string, line: string, why: RegExp][] = [
    [
      'POST /u?a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      'POST /u?a HTTP/1.1|POST|/u|?a|HTTP/1.1|400',
      /WSGH0008: request refused: more than one Content-Length: POST \/u\?a HTTP\/1\.1$/m,
    ],
    [
      '\x16\x03\x01\x02\x01"\\',
      '\\x16\\x03\\x01\\x02\\x01\\"\\\\|-|-||HTTP/1.0|400',
      /request refused: a byte that no header may have: \\x16\\x03\\x01\\x02\\x01"\\\\$/m,
    ],
    ['', '-|-|-||HTTP/1.0|408', /request refused: the header did not arrive in time$/m],
    [
      'GET /half HTTP/1.1\r\nHost: x\r\n',
      'GET /half HTTP/1.1|GET|/half||HTTP/1.1|408',
      /request refused: the header did not arrive in time: GET \/half HTTP\/1\.1$/m,
    ],
    [
      `GET /f HTTP/1.1\r\nHost: x\r\nX-Long: ${LONG}\r\n\r\n`,
      'GET /f HTTP/1.1|GET|/f||HTTP/1.1|431',
      /AH00561: request refused: Request header exceeds LimitRequestFieldSize: X-Long$/m,
    ],
    [
      `GET /n HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(6)}\r\n`,
      'GET /n HTTP/1.1|GET|/n||HTTP/1.1|431',
      /AH00563: request refused: Number of request headers exceeds LimitRequestFields$/m,
    ],
    [
      `GET /${LONG} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET /${LONG} HTTP/1.1|GET|/${LONG}||HTTP/1.1|414`,
      /AH00565: request refused: client's request-line exceeds LimitRequestLine \(longer than 200\)$/m,
    ],
  ]
  await withServer({ conf: CONF }, async (server) => {
    for (const [sent, line, why] of rows) {
      await server.raw(sent)
      await server.waitForLog(why)
      await until(`${line} in the access log`, () => server.layout.read('parts.log').endsWith(`${line}\n`))
    }
  })
})
