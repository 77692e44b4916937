/** Bulk lanes that are many, or change hands: a slow client's lane stays its own, and nobody shuts another request's. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { runtimeMain } from '../../../src/python/runtime-path.js'
import { ReadableBody } from '../../support/readable-body.js'
import { NEWEST, PYTHONS, place, request, startDaemon } from './daemon.js'

const APPLICATION = `
def application(environ, start_response):
    start_response('200 OK', [])
    if environ['QUERY_STRING'] == 'part':
        return [environ['wsgi.input'].read(5)]
    return [b'x' * 150000]
`
const MANY = 300

function* upload(): Generator<Buffer> {
  for (let i = 0; i < 4; i++) yield Buffer.alloc(30_000)
}

test('a slow client keeps its lane while its thread opens hundreds of others', {
  timeout: 120_000,
}, async () => {
  const daemon = await startDaemon(NEWEST, { threads: 1 })
  try {
    const where = place(daemon.script('app.wsgi', APPLICATION))
    const channel = await daemon.connect()
    let goOn: (() => void) | undefined
    let got = 0
    const slow = request(channel, where, {
      onData: (chunk, resume) => {
        got += chunk.length
        if (goOn !== undefined) return true
        goOn = resume
        return false
      },
    })
    for (let count = 0; count < MANY; count++) {
      const source = Readable.from(upload())
      // the rest of the body lies in the lane, which is of no use any more
      const { outcome } = request(channel, where, {
        query: 'part',
        body: { kind: 'stream', source: new ReadableBody(source) },
      })
      assert.equal((await outcome).body.length, 5)
      source.destroy()
    }
    goOn?.()
    assert.equal((await slow.outcome).kind, 'end')
    assert.equal(got, 150_000)
    assert.equal(channel.closed, false)
  } finally {
    await daemon.stop()
  }
})

test('as many slow clients as there may be lanes, and more: the channel stays', {
  timeout: 120_000,
}, async () => {
  const daemon = await startDaemon(NEWEST, { threads: 1 })
  try {
    const where = place(daemon.script('app.wsgi', APPLICATION))
    const channel = await daemon.connect()
    const waiting: (() => void)[] = []
    let isOver = false
    const all = Array.from({ length: 1100 }, () =>
      request(channel, where, {
        onData: (_, resume) => {
          if (isOver) return true
          waiting.push(resume)
          return false
        },
      }),
    )
    while (waiting.length < 1000) await new Promise(setImmediate)
    isOver = true
    for (const resume of waiting) resume()
    for (const { outcome } of all) assert.equal((await outcome).kind, 'end')
  } finally {
    await daemon.stop()
  }
})

const HANDS = `
import socket, sys
sys.path.insert(0, sys.argv[1])
from _wsgi_httpd.bulk import BulkLane
ours, theirs = socket.socketpair()
lane = BulkLane(ours, 1)
first, second = object(), object()
assert lane.assign(first)
assert lane.assign(second)
lane.shut(first)
assert not lane.broken
theirs.sendall(b'x')
assert ours.recv(1) == b'x'
lane.shut(second)
assert lane.broken and not lane.assign(first)
`

for (const python of PYTHONS)
  test(`who cancels a request shuts its lane, not that of the next one: ${python}`, () => {
    execFileSync(python, ['-c', HANDS, path.dirname(runtimeMain())])
  })

const WAITS = `
import sys, time
sys.path.insert(0, sys.argv[1])
from _wsgi_httpd.request import waits
from _wsgi_httpd.system import thread_times
class Crew: pass
class Slot:
    request, served, used = None, 1, 0.0
def busy(): slot = Slot(); slot.request = object(); return slot
crew, own = Crew(), Slot()
crew.slots = [own, busy(), busy(), Slot()]
def look(): own.served, own.used = 1, sum(thread_times())
def compute():
    look()
    while sum(thread_times()) < own.used + 0.05: pass
compute()
# three compete for the lock, and each computes for 50 ms
assert not waits(crew, own, 0.15)
assert own.served == 0 and own.used > 0
compute()
own.served = 2
assert waits(crew, own, 0.30), 'the mean of two requests'
compute()
assert waits(crew, own, 1.0), 'more than computing explains'
look()
assert waits(crew, own, 0.05), 'nothing was computed'
`

for (const python of PYTHONS)
  test(`a request is slow by what it waits for, not by what all compute: ${python}`, () => {
    execFileSync(python, ['-c', WAITS, path.dirname(runtimeMain())])
  })
