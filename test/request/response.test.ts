import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { HttpdModule } from '../../src/modules/module.js'
import { sendWhole } from '../../src/request/response.js'
import { ask } from '../support/http.js'
import { withFront } from './front.js'

test('a module that fails at the header of a filtered response costs that response alone', async () => {
  const failing: HttpdModule = {
    id: 'failing_module',
    source: 'mod_failing.c',
    directives: [],
    hooks: {
      handler: (request) => {
        sendWhole(request, 'text')
        return 'done'
      },
      responseHeaders: (request) => {
        if (request.path === '/failing') throw new Error('of a module')
      },
    },
    filters: [
      {
        name: 'DEFLATE',
        begin: () => ({ stream: new PassThrough(), flush: () => {}, whole: async (body) => body }),
      },
    ],
  }
  await withFront('SetOutputFilter DEFLATE', { modules: [failing] }, async ({ port, records }) => {
    assert.equal((await ask(port, '/failing')).status, 500)
    assert.match(
      records.join('\n'),
      /core:error WSGH0001 Internal fault while sending a response: Error: of a module/,
    )
    assert.equal((await ask(port, '/')).text, 'text')
  })
})

test('no response goes out whose length is no number, and none with two lengths', async () => {
  const lengths: HttpdModule = {
    id: 'lengths_module',
    source: 'mod_lengths.c',
    directives: [],
    hooks: {
      handler: (request) => {
        const { headersOut, errHeadersOut, path } = request
        const value = decodeURIComponent(path.slice(3))
        if (path.startsWith('/a/')) errHeadersOut.set('Content-Length', value)
        else headersOut.set('content-length', value)
        sendWhole(request, 'text')
        return 'done'
      },
    },
  }
  await withFront('', { modules: [lengths] }, async ({ port, records }) => {
    for (const value of ['+4', '4, 4', 'abc', '-1', '4 5', '0x4']) {
      const answer = await ask(port, `/o/${encodeURIComponent(value)}`)
      assert.deepEqual([answer.status, answer.headers['content-length'], answer.text], [500, '0', ''], value)
    }
    assert.match(records[0] ?? '', /^core:error WSGH0004 Response header refused: .*"\+4" of content-length/)
    const answer = await ask(port, '/a/2')
    assert.deepEqual([answer.headers['content-length'], answer.text], ['4', 'text'])
  })
})
