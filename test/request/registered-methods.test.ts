import assert from 'node:assert/strict'
import { test } from 'node:test'
import { raw } from '../support/http.js'
import { withFront } from './front.js'

const CLOSE = 'Connection: close\r\n\r\n'
const GET = 'GET /a.txt HTTP/1.1\r\n'

test('HttpProtocolOptions RegisteredMethods refuses what httpd does not know', async () => {
  await withFront(
    'HttpProtocolOptions RegisteredMethods',
    { files: { 'a.txt': 'hello' } },
    async ({ port }) => {
      assert.match(await raw(port, `PURGE /a.txt HTTP/1.1\r\nHost: a\r\n${CLOSE}`), /^HTTP\/1\.1 501 /)
      assert.match(await raw(port, `${GET}Host: a\r\n${CLOSE}`), /^HTTP\/1\.1 200 /)
    },
  )
})
