/** What the supervisor hears from server workers, in which applications may be embedded: anything. */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { isFromWorker } from '../../src/server/from-worker.js'
import { type MessageLimits, MessageStream } from '../../src/server/message-stream.js'
import type { FromWorker } from '../../src/server/messages.js'
import { makeReport } from '../../src/status/report.js'
import { skipWithout } from '../support/pythons.js'
import { withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const report = makeReport({
  generation: 1,
  draining: false,
  connections: [],
  waiting: 0,
  groups: [],
  embedded: 'idle',
})
const running = {
  client: '127.0.0.1',
  host: 'a:80',
  line: 'GET / HTTP/1.1',
  protocol: 'http/1.1',
  elapsed: 1,
  before: 0,
  sent: 0,
  state: 'W',
} as const

const MESSAGES: readonly FromWorker[] = [
  { type: 'ready' },
  { type: 'failed', message: '' },
  { type: 'retiring' },
  { type: 'needProcess', group: 'g', applicationGroup: '' },
  { type: 'boardWanted', number: 1 },
  { type: 'report', number: 1, report },
  { type: 'report', number: 1, report: { ...report, running: [running] } },
  { type: 'retired', id: 1 },
]

test('messages of server workers are told from others', () => {
  for (const message of MESSAGES) {
    const text = JSON.stringify(message)
    assert.ok(isFromWorker(JSON.parse(text)), text)
    // each field is missed, and may not be of another kind
    for (const name of Object.keys(message))
      for (const value of [undefined, null, [], {}, name === 'message' ? 1 : true])
        assert.equal(isFromWorker({ ...message, [name]: value }), false, `${text} with ${name} ${value}`)
  }
  for (const value of [undefined, null, 1, 'ready', [], {}, { type: 'toString' }, { type: ['ready'] }])
    assert.equal(isFromWorker(value), false)
  const broken = (more: object) =>
    isFromWorker({ type: 'report', number: 1, report: { ...report, running: [{ ...running, ...more }] } })
  assert.ok(broken({}))
  for (const more of [{ line: 1 }, { state: 'X' }, { elapsed: null }, { host: undefined }])
    assert.equal(broken(more), false)
})

/** What happens at this end of a connection. */
function opened(limits?: MessageLimits) {
  const stream = new PassThrough({ readableHighWaterMark: 10 })
  const seen: unknown[] = []
  const messages = new MessageStream(
    stream,
    {
      heard: (message) => void seen.push(message),
      faulty: () => void seen.push('faulty'),
      ended: () => void seen.push('ended'),
    },
    limits,
  )
  return { stream, seen, messages }
}

test('messages come whole, in order, however they are cut', async () => {
  const { stream, seen } = opened()
  for (const byte of Buffer.from('{"a":"é"}\n[1]\nnull\n')) stream.write(Buffer.of(byte))
  stream.write('{"b":2}\n{"c":')
  stream.write('3}\n')
  await until('all', () => seen.length === 5)
  assert.deepEqual(seen, [{ a: 'é' }, [1], null, { b: 2 }, { c: 3 }])
})

test('what is no message, one that is too long, and an end that does not read, close the connection', async () => {
  for (const text of ['1\nx\n2\n', '1\n\n', `1\n${'x'.repeat(11)}`]) {
    const { stream, seen } = opened({ line: 10, unread: 0 })
    stream.write(text)
    await until('its end', () => seen.includes('ended'))
    assert.deepEqual(seen, [1, 'faulty', 'ended'])
  }
  const { stream, seen, messages } = opened({ line: 10, unread: 1000 })
  stream.pause()
  while (!stream.destroyed) messages.send({ text: 'x'.repeat(100) })
  await until('its end', () => seen.includes('ended'))
  assert.deepEqual(seen, ['faulty', 'ended'])
  messages.send({}, () => void seen.push('sent'))
  assert.equal(seen.pop(), 'sent')
})

test(
  'an embedded application that writes to the supervisor ends its worker, and nothing else',
  {
    skip: skipWithout('3'),
  },
  () =>
    withServer(
      {
        conf: 'StartServers 1\nWSGIScriptAlias / "${ROOT}/apps/app.wsgi" application-group=%{GLOBAL}',
        apps: {
          'app.wsgi': `
import os
def application(environ, start_response):
    start_response('200 OK', [])
    data = environ['wsgi.input'].read()
    while data:
        try:
            data = data[os.write(3, data):]
        except BlockingIOError:
            pass
    return [str(os.getpid()).encode()]
`,
        },
      },
      async (server) => {
        const texts = ['garbage\n', '{"type":"report","number":0}\n', 'x'.repeat(5_000_000)]
        for (const body of texts) {
          const pid = await until('a worker', async () => {
            const answer = await server.get('/').catch(() => undefined)
            return answer?.status === 200 ? answer.text : undefined
          })
          await server.get('/', { method: 'POST', body }).catch(() => {})
          await server.waitForLog(new RegExp(`child pid ${pid} says what no server worker says`))
          await server.waitForLog(
            // it may have seen the end of its connection before the signal
            new RegExp(`AH00052: child pid ${pid}: (killed by signal SIGKILL \\(9\\)|exit status 1)\\n`),
          )
        }
      },
    ),
)
