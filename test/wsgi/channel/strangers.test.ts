/** Connections to a runtime process that do not come from the server, but from others that run as the same user. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { PYTHONS, place, request, startDaemon } from './daemon.js'

const LANES = [
  {
    protocol: 1,
    lane: 'control',
    application_group: '',
    worker: 1,
    from_request: false,
    lends: false,
  },
  { lane: 'kick', channel: 1 },
  { lane: 'bulk', channel: 1, index: 0 },
]

/** What is answered to a first line, until the connection is closed. */
async function answerTo(socketPath: string, hello: object): Promise<string> {
  const socket = connect(socketPath)
  let answer = ''
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1')
  })
  socket.write(`${JSON.stringify(hello)}\n`)
  await once(socket, 'close')
  return answer
}

describe('lanes without the secret are closed, and the log says so once', () => {
  for (const python of PYTHONS) {
    test(python, async () => {
      const daemon = await startDaemon(python)
      try {
        await daemon.message('ready')
        const channel = await daemon.connect()
        for (const hello of LANES)
          for (const secret of [undefined, '', null, 7, 'é☃', daemon.secret.slice(1), `${daemon.secret}0`])
            assert.equal(await answerTo(daemon.socketPath, { ...hello, secret }), '', `${secret}`)
        const app = daemon.script('app.wsgi', 'def application(e, s): s("200 OK", []); return [b"fine"]\n')
        assert.equal((await request(channel, place(app)).outcome).body.toString(), 'fine')
        const said = daemon.messages.filter((message) => message.type === 'log')
        assert.deepEqual(
          said.map(({ text }) => text),
          ['A connection was closed that did not come from the server.'],
        )
      } finally {
        await daemon.stop()
      }
    })
  }
})
