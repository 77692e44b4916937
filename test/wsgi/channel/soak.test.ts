/** Everything at once, with clients that leave at any moment: whatever happens, every exchange gets its final call. */
import assert from 'node:assert/strict'
import { utimesSync } from 'node:fs'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { BodyPlan } from '../../../src/wsgi/channel/types.js'
import { ReadableBody } from '../../support/readable-body.js'
import { NEWEST, PYTHONS, place, request, startDaemon } from './daemon.js'

const APPLICATION = `import time, random
def application(environ, start_response):
    kind = environ['QUERY_STRING']
    if kind == 'raise': raise ValueError('x')
    if kind == 'late':
        def late():
            start_response('200 OK', [])
            yield b'a'
            raise ValueError('late')
        return late()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    if kind == 'slow': time.sleep(random.random() * 0.02)
    if kind == 'cpu':
        start = time.time()
        while time.time() - start < 0.003: pass
    if kind == 'log': print('hello')
    if kind == 'stream':
        def stream():
            for i in range(5):
                yield b'block'
                time.sleep(random.random() * 0.003)
        return stream()
    if kind == 'big': return [b'x' * random.randrange(60000, 400000)]
    if kind == 'blocks': return (b'x' * 20000 for i in range(20))
    if kind == 'file': return environ['wsgi.file_wrapper'](open(__file__ + '.data', 'rb'))
    if kind == 'up': return [str(len(environ['wsgi.input'].read())).encode()]
    if kind == 'some': return [str(len(environ['wsgi.input'].read(1000))).encode()]
    return [b'12']
`
/** Bytes of the body that an undisturbed request of each kind gets; -1: not constant. */
const KINDS: Readonly<Record<string, number>> = {
  fast: 2,
  slow: 2,
  cpu: 2,
  log: 2,
  stream: 25,
  big: -1,
  blocks: 400_000,
  file: 300_000,
  up: 6,
  some: 4,
  raise: -1,
  late: -1,
}
const SOAK_MS = 1500

function* uploads(): Generator<Buffer> {
  for (let i = 0; i < 10; i++) yield Buffer.alloc(30_000)
}

for (const [python, threads] of [
  [NEWEST, 1],
  [NEWEST, 2],
  [NEWEST, 15],
  [PYTHONS[0] as string, 3],
] as const) {
  test(`soak, ${threads} threads: ${python}`, { timeout: 120_000 }, async () => {
    const daemon = await startDaemon(python, { threads })
    try {
      const where = place(daemon.script('soak.wsgi', APPLICATION))
      daemon.script('soak.wsgi.data', 'y'.repeat(300_000))
      const groups = /\/(2\.7|3\.6|3\.7)\./.test(python) ? ['', ''] : ['', '', 'guest']
      const channels = await Promise.all(groups.map((group) => daemon.connect(group)))
      const ends = channels.map(
        (channel) => new Promise<{ error?: Error }>((resolve) => channel.onClose(resolve)),
      )
      const names = Object.keys(KINDS)
      const until = Date.now() + SOAK_MS
      const client = async () => {
        while (Date.now() < until) {
          const kind = names[Math.floor(Math.random() * names.length)] as string
          const channel = channels[Math.floor(Math.random() * channels.length)] as (typeof channels)[0]
          const source = Readable.from(uploads())
          const body: BodyPlan =
            kind === 'up' || kind === 'some'
              ? { kind: 'stream', source: new ReadableBody(source) }
              : { kind: 'none' }
          let got = 0
          const slowly = (chunk: Buffer, resume: () => void) => {
            got += chunk.length
            setTimeout(resume, Math.random() * 5)
            return false
          }
          const isSlow = Math.random() < 0.2
          const { exchange, outcome } = request(channel, where, {
            query: kind,
            body,
            ...(isSlow ? { onData: slowly } : {}),
          })
          const leaves = Math.random() < 0.1
          if (leaves) setTimeout(() => channel.cancel(exchange), Math.random() * 10)
          const seen = await outcome
          source.destroy()
          if (leaves) continue
          const size = KINDS[kind] as number
          if (kind === 'raise') assert.equal(seen.kind, 'failed')
          else if (kind === 'late') assert.equal(seen.kind, 'aborted')
          else {
            if (seen.kind !== 'answered' && seen.kind !== 'end') {
              const died = channel.closed ? await ends[channels.indexOf(channel)] : undefined
              const whole = channel.closed ? '' : ', and the channel is there'
              assert.fail(`${kind}: ${seen.kind} ${seen.why}${whole} ${died?.error?.stack ?? ''}`)
            }
            if (size > 0) assert.equal(seen.body.length + got, size, kind)
          }
        }
      }
      await Promise.all(Array.from({ length: 30 }, client))
      daemon.control.stop('shutdown_signal')
      for (const end of await Promise.all(ends)) assert.equal(end.error, undefined)
      assert.equal(await daemon.exited, 0)
    } finally {
      await daemon.stop()
    }
  })
}

test('a reload under load loses nothing: each request is answered or comes back', {
  timeout: 120_000,
}, async () => {
  for (let round = 0; round < 5; round++) {
    const daemon = await startDaemon(NEWEST, { threads: 3 })
    try {
      const path = daemon.script('soak.wsgi', APPLICATION)
      const channel = await daemon.connect()
      const where = place(path)
      let answered = 0
      let isOver = false
      const client = async () => {
        while (!isOver) {
          const { kind, why } = await request(channel, where, { query: 'fast' }).outcome
          assert.ok(kind === 'answered' || kind === 'rejected', `${kind} ${why}`)
          if (kind === 'rejected') isOver = true
          else if (++answered === 2000) utimesSync(path, 1e9, 1e9)
        }
      }
      await Promise.all(Array.from({ length: 50 }, client))
      assert.equal(await daemon.exited, 0)
    } finally {
      await daemon.stop()
    }
  }
})
