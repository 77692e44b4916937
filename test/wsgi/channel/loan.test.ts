/** A lent connection: blocks that go out past emit(), and a lane whose response is called off while the connection is away. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { runtimeMain } from '../../../src/python/runtime-path.js'
import { descriptorOf } from '../../../src/system/socket-descriptor.js'
import { BulkLane, type BulkReceiver } from '../../../src/wsgi/channel/bulk-lane.js'
import { LaneReads } from '../../../src/wsgi/channel/lane-reads.js'
import { Block } from '../../../src/wsgi/channel/wire.js'
import { until } from '../../support/wait.js'
import { PYTHONS } from './daemon.js'

function marks(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [at, value] of values.entries()) bytes.writeUInt32LE(value, 4 * at)
  return bytes
}

/** A lane, the interpreter's end of it with what has come there, and what has become of the response. */
async function withLane(
  body: (lane: BulkLane, far: Socket, came: () => Buffer, events: string[]) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'loan-'))
  const server = createServer()
  await new Promise<void>((done) => server.listen(path.join(directory, 's'), done))
  const accepted = new Promise<Socket>((done) => server.once('connection', done))
  const reads = new LaneReads()
  const near = connect({ path: path.join(directory, 's'), onread: reads.onread })
  const events: string[] = []
  const lane = new BulkLane(near, reads, (error) => events.push(error.name))
  const far = await accepted
  let came = Buffer.alloc(0)
  far.on('data', (bytes) => (came = Buffer.concat([came, bytes])))
  far.on('end', () => events.push('closed'))
  try {
    await body(lane, far, () => came, events)
  } finally {
    near.destroy()
    far.destroy()
    server.close()
    rmSync(directory, { recursive: true })
  }
}

function receiver(events: string[]): BulkReceiver {
  return {
    data: (chunk) => events.push(chunk.toString()) > 0,
    holds: () => false,
    sentByItself: (bytes) => events.push(`${bytes} by itself`),
    end: () => events.push('end'),
    cut: () => events.push('cut'),
  }
}

test('a response is called off while its connection is away, and was over: the lane serves the next one', () =>
  withLane(async (lane, far, came, events) => {
    lane.lend(descriptorOf(far))
    lane.receive(receiver(events))
    lane.abandon()
    assert.equal(lane.takeBack(), true)
    lane.receive(receiver(events))
    far.write(Buffer.concat([marks(4), Buffer.from('next'), marks(Block.end)]))
    await until('the next response', () => events.includes('end'))
    assert.deepEqual(events, ['next', 'end'])
    await until('all marks', () => came().length === 12)
    assert.deepEqual(came(), marks(Block.lent, Block.abort, Block.free))
  }))

test('a response is called off while its connection is away, and goes on: the lane closes as soon as it comes back', () =>
  withLane(async (lane, far, _, events) => {
    lane.lend(descriptorOf(far))
    lane.receive(receiver(events))
    lane.abandon()
    far.write(marks(Block.sent, 5, 0, 4))
    await until('the lane to close', () => events.includes('closed') && events.includes('cut'))
    assert.equal(events.length, 2)
  }))

test('what was not lent, or came back through the lane, cannot be given back elsewhere', () =>
  withLane(async (lane, far, _, events) => {
    assert.equal(lane.takeBack(), false)
    lane.lend(descriptorOf(far))
    lane.receive(receiver(events))
    far.write(marks(Block.sent, 5, 0))
    await until('the bytes to be told', () => events.includes('5 by itself'))
    assert.equal(lane.takeBack(), false)
  }))

const LOANS = `
import array, os, socket, sys, threading
sys.path.insert(0, sys.argv[1])
from _wsgi_httpd import wire
from _wsgi_httpd.bulk import BulkLane
from _wsgi_httpd.loan import CAN_BORROW
if not CAN_BORROW:
    assert sys.version_info < (3, 7)
    sys.exit()

class Request(object):
    cancelled, length, produced, transfer = False, 1000000, 0, 0.0

class Again(object):
    """Begins anew whenever it is asked for an iterator."""
    def __iter__(self):
        self.blocks = iter([b'one', b'', b'two'])
        return self
    def __next__(self):
        return next(self.blocks)

class Own(bytes):
    pass

OVER = object()
ours, theirs = socket.socketpair()
lane = BulkLane(ours, 1)

def lend():
    server = socket.socket()
    server.bind(('127.0.0.1', 0))
    server.listen(1)
    client = socket.create_connection(server.getsockname())
    connection = server.accept()[0]
    connection.setblocking(False)
    theirs.sendmsg([wire.BLOCK.pack(wire.BLOCK_LENT)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [connection.fileno()]))])
    lane.borrow()
    return client, connection, lane.loan

# A mark that came too late for the response before this one is no harm.
theirs.sendall(wire.BLOCK.pack(wire.BLOCK_ABORT))
client, connection, loan = lend()

request = Request()
assert loan.pour(request, iter(Again()), OVER) is OVER
assert request.produced == loan.sent == 6 and client.recv(100) == b'onetwo'

# What needs a closer look comes back.
own, text = Own(b'own'), u'text'
blocks = iter([b'a', own, b'b', text, b'c'])
assert loan.pour(request, blocks, OVER) is own
assert loan.pour(request, blocks, OVER) is text
assert loan.pour(request, blocks, OVER) is OVER
assert client.recv(100) == b'abc'
request.length = request.produced + 5
assert loan.pour(request, iter([b'xxxx', b'yy']), OVER) == b'yy'
request.length = 1 << 30
assert client.recv(100) == b'xxxx'
request.cancelled = True
assert loan.pour(request, iter([b'zz']), OVER) == b'zz'
request.cancelled = False

def broken():
    yield b'before'
    raise ValueError
try:
    loan.pour(request, broken(), OVER)
    assert False
except ValueError:
    assert client.recv(100) == b'before' and loan.sent == request.produced

# A client that does not read takes a part: the rest comes back, and not a byte is lost or sent twice.
before = request.produced
block = bytes(bytearray(range(256))) * 4096
rest = loan.pour(request, iter([block] * 100), OVER)
taken = request.produced - before
assert rest is not OVER and 0 < len(rest) <= len(block) and (taken + len(rest)) % len(block) == 0
got = b''
while len(got) < taken:
    got += client.recv(1 << 20)
assert got + rest == block * ((taken + len(rest)) // len(block))

# A generator that waits is slow, one that does not is none.
def waits():
    threading.Event().wait(0.01)
    yield b'w'
assert 0 < request.transfer
before = request.transfer
assert loan.pour(request, waits(), OVER) is OVER
assert request.transfer == before

# Closed by a generator that has written by itself, say: nothing is sent to whatever has the number now.
def closes():
    yield b'first'
    loan.close()
    yield b'second'
assert loan.pour(request, closes(), OVER) == b'second'
lane.loan = None

# All of it past the lane: nothing need be said there. Not so once it has been told of a part.
for told in (False, True):
    client, connection, loan = lend()
    loan.send(b'12345')
    if told:
        assert loan.report() == wire.BLOCK.pack(wire.BLOCK_SENT) + wire.WIDE.pack(5)
    assert lane.hand_back() == (None if told else 5)
    assert (lane.loan is None) != told
`

for (const python of PYTHONS)
  test(`blocks for a borrowed connection: ${python}`, () => {
    execFileSync(python, ['-c', LOANS, path.dirname(runtimeMain())])
  })
