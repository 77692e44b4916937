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
