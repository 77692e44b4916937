"""Bulk lane: a socket of one pool thread for a body that is large or slow, in either direction.

Both directions carry blocks: a length (u32) and that many bytes; some lengths are marks (see wire.py). The kernel's
socket buffers are the back-pressure. After each response the worker writes FREE once it has read the end, so a thread
never queues its next response behind a slow client; a lane in any other state is closed and replaced.
"""
import os
import select
import socket

from . import wire
from .bodyloan import BodyLoan, decline
from .compat import allocate_lock, retry_interrupted
from .loan import SENDFILE_MAX_BYTES, receive_loan, receive_mark
from .system import InstantSend

WORKER_PATIENCE_MS = 100

_instant_send = []


def instant_send():
    """The function, made when the first bulk lane is: ctypes takes its time to load."""
    if not _instant_send:
        _instant_send.append(InstantSend())
    return _instant_send[0]


class Gone(Exception):
    """The worker closed the lane: the client has gone, or the worker has."""


class BodyAborted(Exception):
    """The request body ends before its end. The argument says why."""


class BulkLane(object):
    def __init__(self, sock, index):
        self.sock = sock
        self.index = index
        # Bytes left of the request body's current block, and whether a body is under way at all.
        self.left = 0
        self.body_open = False
        # The client's connection, while the worker has lent it for reading the body.
        self.intake = None
        self.awaits_free = False
        # No client stands between the end that was sent and FREE.
        self.awaits_only_worker = False
        self.broken = False
        # The client's connection, while the worker has lent it.
        self.loan = None
        self.instant_send = instant_send()
        # The request that has the lane. Who cancels it is another thread, and may come when the lane has gone on to the next request.
        self.owner = None
        # The worker may lend the client's connection for the body that was asked for.
        self.lends = False
        self.guard = allocate_lock()
        self.poller = select.poll()
        self.poller.register(sock.fileno(), select.POLLIN)

    def assign(self, request):
        """Gives the lane to a request. False: it has been shut meanwhile."""
        with self.guard:
            if self.broken:
                return False
            self.owner = request
            return True

    def usable(self):
        """Whether nothing of an earlier request lies in the lane, in either direction."""
        if self.broken or self.body_open:
            return False
        if self.awaits_free:
            try:
                if self.awaits_only_worker:
                    self.await_worker()
                mark = self.sock.recv(4, socket.MSG_DONTWAIT)
            except (OSError, IOError):
                return False
            if mark != wire.BLOCK.pack(wire.BLOCK_FREE):
                return False
            self.awaits_free = False
        try:
            # Else it is the end of the connection, or bytes nobody asked for.
            return not self.poller.poll(0)
        except (OSError, IOError, select.error):
            return False

    def await_worker(self):
        """Gives the worker the time that another lane would take it, too."""
        self.poller.poll(WORKER_PATIENCE_MS)

    def await_body(self, lends):
        """A request body is asked for, which the worker may let this process read from the client itself."""
        self.body_open = True
        self.lends = lends
        self.intake = None

    def receive(self, count):
        """At most `count` bytes of the request body, at least one; `b''` at its end."""
        while self.body_open and not self.left:
            if self.intake is not None:
                data = self.intake.read(count)
                if data is not None:
                    self.body_open = self.intake.left > 0
                    return data
                if self.intake.is_lost:
                    raise BodyAborted('gone')
                self.intake = None
            self.next_block()
        if not self.body_open:
            return b''
        try:
            data = retry_interrupted(self.sock.recv, min(count, self.left))
        except (OSError, IOError):
            data = b''
        if not data:
            self.broken = True
            raise BodyAborted('gone')
        self.left -= len(data)
        return data

    def next_block(self):
        """Reads the mark that comes next on the way of a request body."""
        if self.lends:
            try:
                length, fd = receive_mark(self.sock)
            except (OSError, IOError):
                length = fd = None
        else:
            length, fd = wire.BLOCK.unpack(self.exactly(4))[0], None
        if length == wire.BLOCK_LENT:
            left, = wire.WIDE.unpack(self.exactly(8))
            self.intake = BodyLoan(fd, left, self.owner, self) if fd is not None else decline(self.owner)
        elif length == wire.BLOCK_END:
            self.body_open = False
        elif length == wire.BLOCK_CALLED_OFF and wire.BLOCK.unpack(self.exactly(4))[0] != self.owner.number:
            # An earlier request, which was over by then.
            pass
        elif length is None or length > wire.BLOCK_MAX_BYTES:
            self.broken = True
            raise BodyAborted('too-large' if length == wire.BLOCK_TOO_LARGE else 'gone')
        else:
            self.left = length

    def exactly(self, count):
        got = b''
        while len(got) < count:
            try:
                more = retry_interrupted(self.sock.recv, count - len(got))
            except (OSError, IOError):
                more = b''
            if not more:
                self.broken = True
                raise BodyAborted('gone')
            got += more
        return got

    def borrow(self, left):
        """Reads the worker's answer to BORROW: the client's connection, where what follows is sent while the client is fast, or nothing.

        `left`: bytes that follow, None where that is not known. The header that the worker has made may say something else.
        """
        try:
            self.loan = receive_loan(self.sock, self.instant_send)
            if self.loan is not None and self.loan.room is not None and self.loan.room != left:
                self.settle(False)
        except (OSError, IOError, ValueError):
            self.fail()
            raise Gone()

    def settle(self, done):
        """After a piece was sent past the worker: it hears of it now and then. Not `done`: the client is slow, so the loan ends."""
        if not done:
            self.sock.sendall(self.returned())
        elif self.loan.is_due():
            self.sock.sendall(self.loan.report())

    def returned(self):
        """Gives the client's connection back. The mark that says so."""
        loan, self.loan = self.loan, None
        loan.close()
        marks = loan.report()
        if loan.owed:
            marks += wire.BLOCK.pack(wire.BLOCK_AS_IS) + wire.BLOCK.pack(len(loan.owed)) + loan.owed
        return marks

    def pour(self, request, blocks, over):
        """See Loan.pour()."""
        loan = self.loan
        data = loan.pour(request, blocks, over)
        if loan.owed and loan is self.loan:
            try:
                self.settle(loan.finish())
            except (OSError, IOError):
                self.fail()
                raise Gone()
        return data

    def send(self, data):
        """Sends one block; waits while nobody takes it."""
        try:
            if self.loan is not None:
                data = self.loan.send(data)
                self.settle(not data and not self.loan.owed)
                if not data:
                    return
            if len(data) <= wire.CONTROL_MAX_BYTES:
                block = wire.BLOCK.pack(len(data)) + data
                sent = self.instant_send(self.sock.fileno(), block)
                if sent < len(block):
                    self.sock.sendall(block[sent:] if sent else block)
                return
            view = memoryview(data)
            for start in range(0, len(data), wire.BLOCK_MAX_BYTES):
                part = view[start:start + wire.BLOCK_MAX_BYTES]
                self.sock.sendall(wire.BLOCK.pack(len(part)))
                self.sock.sendall(part)
        except (OSError, IOError):
            self.fail()
            raise Gone()

    def send_file(self, fd, offset, count):
        """Sends `count` bytes of a regular file. Returns how many there were; fewer breaks the lane."""
        sent = 0
        try:
            if self.loan is not None and self.loan.chunked:
                self.settle(False)
            if self.loan is not None:
                sent = self.loan.send_file(fd, offset, count)
                self.settle(sent == count)
                if sent == count:
                    return sent
            self.sock.sendall(wire.BLOCK.pack(wire.BLOCK_WIDE) + wire.WIDE.pack(count - sent))
            while sent < count:
                some = min(count - sent, SENDFILE_MAX_BYTES)
                if hasattr(os, 'sendfile'):
                    done = os.sendfile(self.sock.fileno(), fd, offset + sent, some)
                else:
                    os.lseek(fd, offset + sent, os.SEEK_SET)
                    data = os.read(fd, min(some, 1 << 16))
                    self.sock.sendall(data)
                    done = len(data)
                if not done:
                    break
                sent += done
        except (OSError, IOError):
            self.fail()
            raise Gone()
        if sent < count:
            self.broken = True
        return sent

    def hand_back(self):
        """At the end of a response: says what went past the lane if that was all; None where the lane itself has to say it."""
        loan = self.loan
        if loan is None or loan.has_told or loan.owed:
            return None
        self.loan = None
        loan.close()
        return loan.take_counts()

    def end(self):
        self.awaits_only_worker = self.loan is not None
        marks = b'' if self.loan is None else self.returned()
        try:
            self.sock.sendall(marks + wire.BLOCK.pack(wire.BLOCK_END))
            self.awaits_free = True
        except (OSError, IOError):
            self.broken = True

    def fail(self):
        """Nothing more can be sent."""
        self.broken = True
        loan, self.loan = self.loan, None
        if loan is not None:
            loan.close()
        if self.intake is not None:
            self.intake.give_back()

    def shut(self, request=None):
        """Wakes the thread that waits in this lane; may be called by another thread. With a request: if the lane is still its."""
        with self.guard:
            if request is not None and self.owner is not request:
                return
            self.broken = True
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except (OSError, IOError):
                pass

    def close(self):
        self.fail()
        try:
            self.sock.close()
        except (OSError, IOError):
            pass
