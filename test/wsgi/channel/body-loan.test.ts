/** A request body that is read from a lent connection: what is left of it and never a byte more, and what the worker is told. */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { runtimeMain } from '../../../src/python/runtime-path.js'
import { PYTHONS } from './daemon.js'

const LOANS = `
import array, os, socket, sys, threading, time
sys.path.insert(0, sys.argv[1])
from _wsgi_httpd import bodyloan, wire
from _wsgi_httpd.bulk import BodyAborted, BulkLane
from _wsgi_httpd.loan import CAN_BORROW
if not CAN_BORROW:
    assert sys.version_info < (3, 7)
    sys.exit()

class ControlLane(object):
    def __init__(self):
        self.told = []
    def put(self, frame):
        length, kind, flags, aux, number = wire.HEADER.unpack_from(frame)
        assert kind == wire.R_TOOK and number == 7
        self.told.append((aux,) + wire.TOOK.unpack(frame[wire.HEADER_BYTES:]))

class Request(object):
    number, ended = 7, False
    def __init__(self):
        self.lane = ControlLane()

ours, theirs = socket.socketpair()
lane = BulkLane(ours, 1)

def connection():
    server = socket.socket()
    server.bind(('127.0.0.1', 0))
    server.listen(1)
    client = socket.create_connection(server.getsockname())
    accepted = server.accept()[0]
    accepted.setblocking(False)
    return client, accepted

def lend(left, before=b''):
    """A new request whose body the lane is to bring: the client, the worker's end, and what the worker is told."""
    client, accepted = connection()
    request = Request()
    lane.assign(request)
    lane.await_body(True)
    theirs.sendall(before)
    theirs.sendmsg([wire.BLOCK.pack(wire.BLOCK_LENT) + wire.WIDE.pack(left)],
                   [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [accepted.fileno()]))])
    return client, accepted, request.lane.told

def aborted():
    try:
        lane.receive(100)
    except BodyAborted:
        return True

# What came before, then the rest, and nothing of what follows.
client, accepted, told = lend(5, wire.BLOCK.pack(3) + b'abc')
client.sendall(b'defghNEXT')
assert lane.receive(100) == b'abc' and told == []
assert lane.receive(2) == b'de' and told == []
assert lane.receive(100) == b'fgh' and told == [(bodyloan.BACK, 5, 0)]
assert lane.receive(100) == b'' and accepted.recv(100) == b'NEXT'
assert lane.usable() and not bodyloan.loans

# A mark for an earlier request is no harm; one for this request ends it.
client, accepted, told = lend(5, wire.BLOCK.pack(wire.BLOCK_CALLED_OFF) + wire.BLOCK.pack(6))
client.sendall(b'12')
assert lane.receive(100) == b'12'
theirs.sendall(wire.BLOCK.pack(wire.BLOCK_CALLED_OFF) + wire.BLOCK.pack(7))
assert aborted() and [one[:2] for one in told] == [(bodyloan.BACK, 2)]

# Who pauses gets the connection back, and what comes then goes through the lane, or is lent again.
ours, theirs = socket.socketpair()
lane = BulkLane(ours, 1)
bodyloan.PATIENCE_MS = 20
client, accepted, told = lend(9)
client.sendall(b'12')
assert lane.receive(100) == b'12'
theirs.sendall(b'')
threading.Timer(0.2, lambda: theirs.sendall(wire.BLOCK.pack(3) + b'345')).start()
assert lane.receive(100) == b'345'
assert told[0][:2] == (bodyloan.BACK, 2) and told[0][2] >= 20 and len(told) == 1
theirs.sendmsg([wire.BLOCK.pack(wire.BLOCK_LENT) + wire.WIDE.pack(4)],
               [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [accepted.fileno()]))])
client.sendall(b'6789')
assert lane.receive(100) == b'6789' and told[1:] == [(bodyloan.BACK, 4, 0)]

# A client that has gone is the worker's to judge.
client, accepted, told = lend(9)
client.sendall(b'12')
assert lane.receive(100) == b'12'
client.close()
theirs.sendall(wire.BLOCK.pack(wire.BLOCK_ABORT))
assert aborted() and [one[:2] for one in told] == [(bodyloan.BACK, 2)]

# The request ends first: no thread reads on.
ours, theirs = socket.socketpair()
lane = BulkLane(ours, 1)
client, accepted, told = lend(9)
client.sendall(b'12')
assert lane.receive(1) == b'1'
intake = lane.intake
intake.give_back()
intake.give_back()
assert told == [(bodyloan.BACK, 1, 0)] and intake.read(1) is None and accepted.recv(9) == b'2'

# An exception between reading and counting: nobody can go on.
class Torn(object):
    closed = False
    def __init__(self, file):
        self.file = file
    def read(self, count):
        self.file.read(count)
        raise KeyboardInterrupt
    def fileno(self):
        return self.file.fileno()
    def close(self):
        self.closed = True
        self.file.close()

lane.close()
ours, theirs = socket.socketpair()
lane = BulkLane(ours, 1)
client, accepted, told = lend(9)
client.sendall(b'1234')
assert lane.receive(1) == b'1'
lane.intake.file = Torn(lane.intake.file)
try:
    lane.receive(2)
    assert False
except KeyboardInterrupt:
    pass
assert aborted() and aborted() and told == [(bodyloan.LOST, 1, 0)]

# No descriptor came along: this process has too many.
lane.close()
ours, theirs = socket.socketpair()
lane = BulkLane(ours, 1)
request = Request()
lane.assign(request)
lane.await_body(True)
theirs.sendall(wire.BLOCK.pack(wire.BLOCK_LENT) + wire.WIDE.pack(3) + wire.BLOCK.pack(3) + b'abc' + wire.BLOCK.pack(wire.BLOCK_END))
assert lane.receive(100) == b'abc' and lane.receive(100) == b'' and request.lane.told == [(bodyloan.BACK, 0, 0)]

# A forked child has nothing of it.
client, accepted, told = lend(9)
client.sendall(b'12345')
assert lane.receive(1) == b'1'
child = os.fork()
if not child:
    os._exit(0 if lane.intake.file.closed and aborted() and not told else 1)
assert os.waitpid(child, 0)[1] == 0 and lane.receive(9) == b'2345'
`

for (const python of PYTHONS)
  test(`a body from a borrowed connection: ${python}`, () => {
    execFileSync(python, ['-c', LOANS, path.dirname(runtimeMain())])
  })
