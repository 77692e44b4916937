/** A lent connection: blocks that go out past emit(), and a lane whose response is called off while the connection is away. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { HandedOver } from '../../../src/http/message.js'
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

/** A connection as it is handed over, with a header of two bytes. */
function handedOver(socket: Socket, more: Partial<HandedOver> = {}): HandedOver {
  return { descriptor: descriptorOf(socket) as number, first: 'h\xe9', isChunked: false, room: 5, ...more }
}

/** What says so. */
const LENT = Buffer.concat([marks(Block.lent, 0, 2, 5, 0), Buffer.from('h\xe9', 'latin1')])

function receiver(events: string[]): BulkReceiver {
  return {
    data: (chunk, isAsIs) => events.push(`${isAsIs ? 'as is ' : ''}${chunk}`) > 0,
    holds: () => false,
    sentByItself: (bytes, framing) => events.push(`${bytes}+${framing} by itself`),
    end: () => events.push('end'),
    cut: () => events.push('cut'),
  }
}

test('a response is called off while its connection is away, and was over: the lane serves the next one', () =>
  withLane(async (lane, far, came, events) => {
    lane.lend(handedOver(far))
    lane.receive(receiver(events))
    lane.abandon()
    assert.equal(lane.takeBack(), true)
    lane.receive(receiver(events))
    far.write(Buffer.concat([marks(4), Buffer.from('next'), marks(Block.end)]))
    await until('the next response', () => events.includes('end'))
    assert.deepEqual(events, ['next', 'end'])
    await until('all marks', () => came().length === LENT.length + 8)
    assert.deepEqual(came(), Buffer.concat([LENT, marks(Block.abort, Block.free)]))
  }))

test('a response is called off while its connection is away, and goes on: the lane closes as soon as it comes back', () =>
  withLane(async (lane, far, _, events) => {
    lane.lend(handedOver(far))
    lane.receive(receiver(events))
    lane.abandon()
    far.write(marks(Block.sent, 5, 0, 0, 0, 4))
    await until('the lane to close', () => events.includes('closed') && events.includes('cut'))
    assert.equal(events.length, 2)
  }))

test('what was not lent, or came back through the lane, cannot be given back elsewhere', () =>
  withLane(async (lane, far, _, events) => {
    assert.equal(lane.takeBack(), false)
    lane.lend(handedOver(far))
    lane.receive(receiver(events))
    far.write(marks(Block.sent, 5, 0, 7, 0))
    await until('the bytes to be told', () => events.includes('5+7 by itself'))
    assert.equal(lane.takeBack(), false)
  }))

test('a chunk that was begun comes back as it is, with blocks after it', () =>
  withLane(async (lane, far, came, events) => {
    lane.lend(handedOver(far, { isChunked: true, room: undefined }))
    lane.receive(receiver(events))
    far.write(marks(Block.sent, 5, 0, 7, 0, Block.asIs, 4))
    far.write(Buffer.concat([Buffer.from('lf\r\n'), marks(5), Buffer.from('block'), marks(Block.end)]))
    await until('the end', () => events.includes('end'))
    assert.deepEqual(events, ['5+7 by itself', 'as is lf\r\n', 'block', 'end'])
    const terms = marks(Block.lent, 1, 2, 0xffffffff, 0xffffffff)
    assert.deepEqual(came().subarray(0, terms.length), terms)
  }))

for (const [what, bytes] of [
  ['of a chunk where nothing was lent', marks(Block.asIs, 4)],
  ['about a connection that was not lent', marks(Block.sent, 5, 0, 0, 0)],
] as const)
  test(`bytes ${what}: the lane ends`, () =>
    withLane(async (lane, far, _, events) => {
      lane.lend(undefined)
      lane.receive(receiver(events))
      far.write(bytes)
      await until('the lane to end', () => events.includes('cut'))
      assert.deepEqual(events.slice(0, 1), ['ProtocolViolation'])
    }))

test('counts and chunks of an impossible size: the lane ends', async () => {
  for (const bytes of [
    marks(Block.sent, 0, 0x200000, 0, 0),
    marks(Block.sent, 0, 0, 0, 0x200000),
    marks(Block.asIs, 0x1000001),
  ])
    await withLane(async (lane, far, _, events) => {
      lane.lend(handedOver(far))
      lane.receive(receiver(events))
      far.write(bytes)
      await until('the lane to end', () => events.includes('cut'))
      assert.deepEqual(events.slice(0, 1), ['ProtocolViolation'])
    })
})

const LOANS = `
import array, os, socket, sys, threading
sys.path.insert(0, sys.argv[1])
from _wsgi_httpd import wire
from _wsgi_httpd.bulk import BulkLane, Gone
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

def lend(first=b'', left=None, flags=0, room=wire.ANY_LENGTH):
    server = socket.socket()
    server.bind(('127.0.0.1', 0))
    server.listen(1)
    client = socket.create_connection(server.getsockname())
    connection = server.accept()[0]
    connection.setblocking(False)
    terms = wire.LENT.pack(wire.BLOCK_LENT, flags, len(first), room) + first
    theirs.sendmsg([terms], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [connection.fileno()]))])
    lane.borrow(left)
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
    assert loan.send(b'12345') == b''
    if told:
        assert loan.report() == wire.BLOCK.pack(wire.BLOCK_SENT) + wire.SENT.pack(5, 0)
    assert lane.hand_back() == (None if told else wire.SENT.pack(5, 0))
    assert (lane.loan is None) != told
lane.returned()

def marks(*values):
    return b''.join(wire.BLOCK.pack(value) for value in values)

def told(body, framing):
    return wire.BLOCK.pack(wire.BLOCK_SENT) + wire.SENT.pack(body, framing)

def read(sock, count):
    got = b''
    while len(got) < count:
        more = sock.recv(count - len(got))
        assert more
        got += more
    return got

# The header goes with the first block, whatever its size, or with a file; it does not count.
for block in (b'block', b'b' * 100000):
    client, connection, loan = lend(b'head', 1 << 20, 0, 1 << 20)
    lane.send(block)
    assert read(client, 4 + len(block)) == b'head' + block
    assert lane.hand_back() == wire.SENT.pack(len(block), 0)
with open(__import__('os').path.join(sys.argv[1], 'main.py'), 'rb') as file:
    client, connection, loan = lend(b'head', 20, 0, 20)
    assert lane.send_file(file.fileno(), 3, 20) == 20
    file.seek(3)
    assert read(client, 24) == b'head' + file.read(20)
    assert lane.hand_back() == wire.SENT.pack(20, 0)

# The worker's header has another length than the application's: the body goes its way, and the header too.
for left, room in ((None, 5), (6, 5)):
    lend(b'head', left, 0, room)
    assert lane.loan is None
    assert theirs.recv(1000) == told(0, 0) + marks(wire.BLOCK_AS_IS, 4) + b'head'

# Nothing was sent at all.
lend(b'head', 5, 0, 5)
assert lane.hand_back() is None
lane.end()
assert theirs.recv(1000) == told(0, 0) + marks(wire.BLOCK_AS_IS, 4) + b'head' + marks(wire.BLOCK_END)

# Chunks, of which none is empty and none too large.
request = Request()
request.length = None
client, connection, loan = lend(b'head', None, wire.LENT_CHUNKED)
lane.send(b'one')
blocks = iter([b'two', b'', b'l' * 300000, b'three'])
assert lane.pour(request, blocks, OVER) == b''
large = lane.pour(request, blocks, OVER)
lane.send(large)
assert lane.pour(request, blocks, OVER) is OVER
expected = (b'head3\\r\\none\\r\\n3\\r\\ntwo\\r\\n40000\\r\\n' + large[:262144] + b'\\r\\n93e0\\r\\n' + large[262144:] + b'\\r\\n5\\r\\nthree\\r\\n')
assert len(expected) == 4 + 11 + 300000 + 5 + 5 + 5 + 9 + 8
assert read(client, len(expected)) == expected
assert lane.hand_back() == wire.SENT.pack(11 + 300000, len(expected) - 4 - 11 - 300000)

# A client that does not read: the rest of the chunk goes back as it is, and what was not begun as blocks.
for pours in (True, False):
    client, connection, loan = lend(b'', None, wire.LENT_CHUNKED)
    made = []
    def produce():
        while lane.loan is not None:
            made.append(bytes(bytearray([65 + len(made) % 26])) * 16384)
            yield made[-1]
    blocks = produce()
    lane.sock.settimeout(20)
    left = b''
    while lane.loan is not None:
        data = lane.pour(request, blocks, OVER) if pours else next(blocks, OVER)
        if data is OVER:
            break
        if data:
            lane.send(data)
    got = theirs.recv(1 << 20, socket.MSG_DONTWAIT)
    body, framing = wire.SENT.unpack_from(got, 4)
    got = got[20:]
    rest = b''
    if got.startswith(marks(wire.BLOCK_AS_IS)):
        size, = wire.BLOCK.unpack_from(got, 4)
        rest, got = got[8:8 + size], got[8 + size:]
    chunks = b''.join(b'%x\\r\\n' % len(block) + block + b'\\r\\n' for block in made)
    whole = body // 16384
    assert body % 16384 == 0 and framing == 8 * whole
    assert got == b''.join(marks(len(block)) + block for block in made[whole:])
    there = read(client, (16384 + 8) * whole - len(rest))
    assert there + rest == chunks[:len(there) + len(rest)] and (rest or got)

# No answer to that question.
for answer in (b'', marks(wire.BLOCK_FREE), marks(wire.BLOCK_LENT), marks(wire.BLOCK_KEPT, 0)):
    ours, theirs = socket.socketpair()
    lane = BulkLane(ours, 1)
    theirs.sendall(answer)
    theirs.shutdown(socket.SHUT_WR)
    try:
        lane.borrow(None)
        assert False
    except Gone:
        assert lane.broken and lane.loan is None
`

for (const python of PYTHONS)
  test(`blocks for a borrowed connection: ${python}`, () => {
    execFileSync(python, ['-c', LOANS, path.dirname(runtimeMain())])
  })
