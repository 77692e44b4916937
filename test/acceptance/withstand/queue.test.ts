/** A daemon process group whose threads and queue are taken: who does not get in within `connect-timeout` is told so with 503. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { skipWithout } from '../../support/pythons.js'
import { withServer } from '../../support/server.js'
import { WELL, WELL_APP, WELL_FILES, whileOthersAnswer } from './meanwhile.js'

const WAITING = `
import os
import time

def application(environ, start_response):
    while not os.path.exists(os.path.join(os.path.dirname(__file__), 'go')):
        time.sleep(0.01)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'done']
`
const CONF = `${WELL}WSGIDaemonProcess small threads=1 listen-backlog=1 connect-timeout=1
WSGIScriptAlias /small "\${ROOT}/apps/waiting.wsgi" process-group=small application-group=%{GLOBAL}
`
const REQUESTS = 20

describe('a process group that is full', { skip: skipWithout('3') }, () => {
  test('answers 503 after connect-timeout, and serves those who waited', async () => {
    const apps = { 'well.wsgi': WELL_APP, 'waiting.wsgi': WAITING }
    await withServer({ conf: CONF, apps, files: WELL_FILES }, async (server) => {
      await whileOthersAnswer(server.port, async () => {
        const refused: number[] = []
        const from = performance.now()
        const asked = Array.from({ length: REQUESTS }, async () => {
          const answer = await server.get('/small')
          if (answer.status === 503) refused.push(performance.now() - from)
          return answer
        })
        await server.waitForLog(/process group 'small' .*connect-timeout/)
        // Those that are refused come soon after the time; everyone else is with the process, which is let go then.
        await Promise.race([Promise.all(asked), new Promise((resolve) => setTimeout(resolve, 1000))])
        server.write('apps/go', '')
        const answers = await Promise.all(asked)
        const served = answers.filter(({ status, text }) => status === 200 && text === 'done').length
        assert.equal(served + refused.length, REQUESTS)
        assert.ok(served >= 2, `${served} were served: the one at work and the one in the queue at least`)
        assert.ok(refused.length >= REQUESTS / 2, `${refused.length} of ${REQUESTS} were refused`)
        for (const after of refused)
          assert.ok(after > 900 && after < 5000, `refused after ${Math.round(after)} ms`)
      })
      assert.equal((await server.get('/small')).text, 'done')
    })
  })
})
