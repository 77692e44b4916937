/** `%i` and `%b` of `Header` on the real server: its own numbers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withServer } from '../support/server.js'

test('a response says how busy the server is', async () => {
  const conf = 'ServerLimit 1\nMaxRequestWorkers 4\nHeader always set X-Load "%l %i %b"'
  await withServer({ conf }, async (server) => {
    const { headers } = await server.get('/')
    // this very request is one of four
    assert.match(String(headers['x-load']), /^l=\d+\.\d\d\/\d+\.\d\d\/\d+\.\d\d i=75 b=25$/)
  })
})
