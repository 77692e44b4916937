/** A daemon process group whose threads and queue are taken: who does not get in within `connect-timeout` is told so with 503. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { skipWithout } from '../../support/pythons.js'
import { withServer } from '../../support/server.js'
import { until } from '../../support/wait.js'
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
/** One runs, one waits in the process. */
const WITH_PROCESS = 2

describe('a process group that is full', { skip: skipWithout('3') }, () => {
  test('answers 503 after connect-timeout, and serves those who waited', async () => {
    const apps = { 'well.wsgi': WELL_APP, 'waiting.wsgi': WAITING }
    await withServer({ conf: CONF, apps, files: WELL_FILES, args: ['-X'] }, async (server) => {
      await server.waitForLog(/Process 'small' is ready/)
      await whileOthersAnswer(server.port, async () => {
        const refused: number[] = []
        const from = performance.now()
        const asked = Array.from({ length: REQUESTS }, async () => {
          const answer = await server.get('/small')
          if (answer.status === 503) refused.push(performance.now() - from)
          return answer
        })
        await server.waitForLog(/process group 'small' .*connect-timeout/)
        await until('everyone else to be refused', () => refused.length === REQUESTS - WITH_PROCESS)
        server.write('apps/go', '')
        const answers = await Promise.all(asked)
        const served = answers.filter(({ status, text }) => status === 200 && text === 'done').length
        assert.equal(served, WITH_PROCESS)
        for (const after of refused) assert.ok(after > 900, `refused after ${Math.round(after)} ms`)
      })
      assert.equal((await server.get('/small')).text, 'done')
    })
  })
})
