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
from _wsgi_httpd.crowd import Crowd
from _wsgi_httpd.request import waits
from _wsgi_httpd.system import thread_times
class Crew:
    crowd = Crowd()
    def running(self): return sum(slot.request is not None for slot in self.slots)
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
assert not waits(crew, own, 0.15, 1.0)
assert crew.crowd.counts, 'whether fewer would do'
assert own.served == 0 and own.used > 0
look()
assert not waits(crew, own, 9.0, 1.0), 'nothing is judged meanwhile'
crew.crowd.end()
compute()
own.served = 2
assert waits(crew, own, 0.30, 1.0), 'the mean of two requests'
compute()
assert waits(crew, own, 1.0, 1.0), 'more than computing explains'
look()
assert waits(crew, own, 0.05, 1.0), 'nothing was computed'
`

for (const python of PYTHONS)
  test(`a request is slow by what it waits for, not by what all compute: ${python}`, () => {
    execFileSync(python, ['-c', WAITS, path.dirname(runtimeMain())])
  })

/** Threads of an application of which each needs the lock for `c` seconds and waits for `w` more; what a crowd of them comes down to. */
const CROWD = `
import sys
sys.path.insert(0, sys.argv[1])
from _wsgi_httpd.crowd import Crowd

def trial(crowd, threads, c, w, now):
    """Runs until the trial is over. Returns the threads that are left, and the time."""
    running = threads
    crowd.suspect(now, 2 * running * c, running)
    while crowd.counts:
        now += max(c, (c + w) / running)
        if running > 1 and crowd.retires(now):
            running -= 1
        else:
            running += crowd.finished(now, running)
    return running, now

crowd = Crowd()
for threads in (2, 3, 15, 25):
    left, now = trial(crowd, threads, 0.0003, 0.0, 1.0)
    assert left == 1, (threads, left)

# one that waits as well gets all of its threads back, and is left alone for longer each time
left, now = trial(crowd, 15, 0.0003, 0.002, 1.0)
assert left == 15, left
crowd.suspect(now + 1.9, 0.01, 15)
assert not crowd.counts
left, now = trial(crowd, 15, 0.0003, 0.002, now + 2.1)
assert left == 15 and now < 9, (left, now)
crowd.suspect(now + 3.9, 0.01, 15)
assert not crowd.counts
crowd.suspect(now + 4.1, 0.01, 15)
assert crowd.counts

# two that do more than one stay
crowd = Crowd()
assert trial(crowd, 16, 0.0003, 0.0002, 1.0)[0] == 2

# one thread alone is no crowd
crowd = Crowd()
crowd.suspect(1.0, 0.01, 1)
assert not crowd.counts

# when the load goes in the middle of a trial, it ends without a verdict
crowd = Crowd()
crowd.suspect(1.0, 0.01, 8)
assert crowd.finished(1.2, 8) == 0 and crowd.surplus == 4
assert crowd.finished(99.0, 1) == 0
assert not crowd.counts and not crowd.surplus and crowd.rest_until == 0.0
`

for (const python of PYTHONS)
  test(`threads that only take the lock from each other go to sleep: ${python}`, () => {
    execFileSync(python, ['-c', CROWD, path.dirname(runtimeMain())])
  })

/** A request whose application answers with an iterator, and the frames that are in the outbox after it. */
const OPENING = `
import sys
sys.path.insert(0, sys.argv[1])
from _wsgi_httpd import lane as lanes, request as requests, wire
from _wsgi_httpd.compat import allocate_lock, monotonic

class Errors: partial = ''
class Crew:
    asleep = 1
    def glance(self): pass
class Slot: crew = Crew()

def outbox_after(blocks, headers=(), during=lambda lane, number: None, window=60.0):
    lane = lanes.ControlLane.__new__(lanes.ControlLane)
    lane.crew, lane.outbox, lane.alive, lane.lends, lane.send_lock = Crew, [], True, False, allocate_lock()
    lane.defer_until = monotonic() + window
    lane.flush = lambda *words, **named: lane.outbox.append(b'sent')
    request = requests.Request(lane, 7, 0, 0, None, (), b'', b'', 0.0, 0.0)
    request.slot, request.errors = Slot, Errors
    request.start_response('200 OK', list(headers))
    def body():
        for number, block in enumerate(blocks):
            during(lane, number)
            yield block
        during(lane, len(blocks))
    request.respond(body())
    request.complete()
    assert request.ended
    return [item if item == b'sent' else kinds(item) for item in lane.outbox]

def kinds(item):
    found, at = [], 0
    while at < len(item):
        length, kind, _, _, number = wire.HEADER.unpack_from(item, at)
        assert number == 7
        found.append(kind)
        at += 4 + length
    assert at == len(item)
    return found

HEAD, DATA, END, ANSWER = wire.R_HEAD, wire.R_DATA, wire.R_END, wire.R_ANSWER
length = [('Content-Length', '5')]
assert outbox_after([b'hello'], length) == [[ANSWER]]
assert outbox_after([b'hello']) == [[ANSWER]]
assert outbox_after([b'', b'hello', b''], length) == [[ANSWER]]
assert outbox_after([b'hel', b'lo'], length) == [[HEAD, DATA], [DATA], [END]]
assert outbox_after([b'hello', b'!'], length) == [[HEAD, DATA], [END]], 'what is beyond the length is not sent'
assert outbox_after([b'hello!'], length) == [[ANSWER]]
assert outbox_after([b'hell'], length)[-1] == [wire.R_ABORT], 'short'
assert outbox_after([b'x' * 20000]) == [[HEAD], [DATA], [END]]
# frames of the request that came in between stay before its end
frame = wire.frame(wire.R_LOG, 7, 3, b'text')
assert outbox_after([b'hello'], length, lambda lane, number: lane.outbox.append(frame)) == [[wire.R_LOG], [wire.R_LOG], [ANSWER]]
# sent by another thread meanwhile
def taken(lane, number):
    if number == 1:
        del lane.outbox[:]
assert outbox_after([b'hello'], length, taken) == [[END]]
def held(lane, number):
    if number == 1:
        assert lane.send_lock.acquire(False)
assert outbox_after([b'hello'], length, held) == [[HEAD, DATA], [END]], 'it is being sent'
# nobody is sure to send it: at once, without waiting for the end
assert outbox_after([b'hello'], length, window=-60.0) == [[HEAD, DATA], b'sent', [END], b'sent']
`

for (const python of PYTHONS)
  test(`a single block becomes a whole response where it has not been sent yet: ${python}`, () => {
    execFileSync(python, ['-c', OPENING, path.dirname(runtimeMain())])
  })
