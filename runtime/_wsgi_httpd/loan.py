"""A loan: the client's connection, which the worker lends for the rest of one large response.

What is written to it reaches the client without the way through the worker: one copy instead of three, and no process to wake.
The header mostly comes with it, and goes out with the first block. It goes back as soon as the client is slow, because the worker can wait for any number of clients, and a thread for one. Only a
process with the worker's own user is ever lent a connection (see docs/channel.md).
"""
import errno
import os
import select
import socket
import struct

from . import wire
from .compat import monotonic
from .system import INSTANT_MAX_BYTES, MSG_MORE, times_slept

# Smaller rests of a response are not worth the question.
LOAN_MIN_BYTES = 256 * 1024
# A body whose length nobody knows is large when it has grown to this.
GROWN_BYTES = 64 * 1024
# A client that takes nothing for so long is slow. The kernel holds some megabytes for it meanwhile.
PATIENCE_MS = 50
# How often the worker hears of what goes past it: it must not take a long response for one that is stuck.
TELL_SECONDS = 1.0
SENDFILE_MAX_BYTES = 1 << 30
# A block of up to so many bytes is copied to stand behind the header: cheaper than a second call.
JOINED_MAX_BYTES = 64 * 1024
# Larger blocks make several chunks, so that never more than this is owed to a slow client.
CHUNK_MAX_BYTES = 256 * 1024
# The connection's message, with the header that may come in it.
LENT_MAX_BYTES = 4096

# A forked child would keep the client's connection open.
CAN_BORROW = hasattr(os, 'register_at_fork') and hasattr(socket, 'CMSG_LEN') and hasattr(os, 'sendfile')
DESCRIPTOR = struct.Struct('i')
AGAIN = (errno.EAGAIN, errno.EWOULDBLOCK)

# Room for one descriptor beside a message.
RIGHTS_BYTES = socket.CMSG_SPACE(4) if CAN_BORROW else 0
RIGHTS = (socket.SOL_SOCKET, getattr(socket, 'SCM_RIGHTS', None))
CLOEXEC = getattr(socket, 'MSG_CMSG_CLOEXEC', 0)

borrowed = set()


def forget():
    for fd in borrowed:
        os.close(fd)
    borrowed.clear()


if CAN_BORROW:
    os.register_at_fork(after_in_child=forget)


def receive(sock, count):
    """Bytes of a lane, and the descriptor that came with them or None. The kernel gives no bytes after those of a descriptor."""
    data, ancillary = sock.recvmsg(count, RIGHTS_BYTES, CLOEXEC)[:2]
    fd = None
    for level, kind, rights in ancillary:
        if (level, kind) == RIGHTS and len(rights) >= DESCRIPTOR.size:
            fd, = DESCRIPTOR.unpack_from(rights)
    return data, fd


def receive_mark(sock):
    """The next mark of a lane, and the descriptor that came with it or None."""
    mark, fd = receive(sock, 4)
    return (wire.BLOCK.unpack(mark)[0] if len(mark) == 4 else None), fd


class Loan(object):
    def __init__(self, fd, lane, instant, terms):
        self.fd = fd
        self.lane = lane
        self.instant = instant
        _, flags, _, room = wire.LENT.unpack_from(terms)
        # The body goes in chunks, of which the last one is the worker's.
        self.chunked = flags & wire.LENT_CHUNKED
        # Bytes that the body may still have.
        self.room = None if room == wire.ANY_LENGTH else room
        # What the client has to get before anything else: at first the header.
        self.owed = terms[wire.LENT.size:]
        # Bytes of the body and of its framing that the worker has not been told of, when it was, and whether it ever was.
        self.sent = 0
        self.framing = 0
        self.told_at = monotonic()
        self.has_told = False
        borrowed.add(fd)

    def send(self, data):
        """Sends a block. Returns what has to go through the lane since the client is slow, after what is owed."""
        if self.chunked:
            return self.send_chunks(data)
        owed = self.owed
        if owed:
            joins = len(data) <= JOINED_MAX_BYTES
            sent = (self.push(owed + data) if joins else self.push(owed, MSG_MORE)) - len(owed)
            if sent < 0:
                self.owed = owed[sent:]
                return data
            self.owed = b''
            if joins:
                self.sent += sent
                return data[sent:]
        sent = self.push(data)
        self.sent += sent
        return data[sent:]

    def send_chunks(self, data):
        for at in range(0, len(data), CHUNK_MAX_BYTES):
            piece = data[at:at + CHUNK_MAX_BYTES]
            line = b'%x\r\n' % len(piece)
            raw = b''.join((self.owed, line, piece, b'\r\n'))
            self.sent += len(piece)
            self.framing += len(line) + 2
            sent = self.push(raw)
            self.owed = raw[sent:]
            if self.owed:
                return data[at + len(piece):]
        return b''

    def finish(self):
        """Sends what is owed. Returns whether the client took it."""
        self.owed = self.owed[self.push(self.owed):]
        return not self.owed

    def push(self, data, flags=0):
        """Sends bytes as they are. Returns how many the client took: fewer than there are when it is slow."""
        size = len(data)
        sent = self.instant(self.fd, data, flags)
        if sent < size:
            view = memoryview(data)
            while sent < size:
                some = self.attempt(lambda: os.write(self.fd, view[sent:]))
                if not some:
                    break
                sent += some
        return sent

    def pour(self, request, blocks, over):
        """Gives the client block after block, as long as it takes each at once. Returns what is not like that, for Request.emit(): a block,
        the rest of one, or `over` after the last one. Half a chunk may be owed then.

        It does what emit() and send() do, in one loop: their calls cost half of what the kernel takes for a block of 16 KiB. Time in which the thread
        never slept is the transfer's: no other thread could have done anything in it, so it is no reason to wake more of them.
        """
        send, flags, chunked = self.instant.call, self.instant.flags, self.chunked
        sent, length, due = 0, request.length, self.told_at + TELL_SECONDS
        if length is None:
            length = wire.ANY_LENGTH
        began, slept = monotonic(), times_slept()
        try:
            while True:
                data = next(blocks, over)
                if type(data) is not bytes or request.cancelled or monotonic() > due:
                    return data
                size = len(data)
                if size > length - request.produced or size > INSTANT_MAX_BYTES:
                    return data
                if chunked:
                    raw = b'%x\r\n%b\r\n' % (size, data) if 0 < size <= CHUNK_MAX_BYTES else b''
                    count = len(raw)
                    taken = send(self.fd, raw, count, flags) if count else 0
                    if taken <= 0:
                        return data
                    self.framing += count - size
                    if taken != count:
                        request.produced += size
                        sent += size
                        self.owed = raw[taken:]
                        return b''
                else:
                    taken = send(self.fd, data, size, flags)
                    if taken != size:
                        if taken <= 0:
                            return data
                        request.produced += taken
                        sent += taken
                        return data[taken:]
                request.produced += size
                sent += size
        finally:
            self.sent += sent
            if times_slept() == slept:
                request.transfer += monotonic() - began

    def send_file(self, file, offset, count):
        """Sends a part of a file. Returns how much of it: less when the client is slow, or when there is no more."""
        self.owed = self.owed[self.push(self.owed, MSG_MORE):]
        if self.owed:
            return 0
        sent = 0
        while sent < count:
            some = self.attempt(lambda: os.sendfile(self.fd, file, offset + sent, min(count - sent, SENDFILE_MAX_BYTES)))
            if not some:
                break
            sent += some
            self.sent += some
        return sent

    def attempt(self, act):
        """Bytes that `act` sent, once there is room for some; 0 when there is none for too long."""
        while True:
            try:
                return act()
            except (OSError, IOError) as error:
                if error.errno not in AGAIN:
                    raise
            if not self.wait():
                return 0

    def wait(self):
        """Whether the client takes more within the time that it has. Raises OSError when the worker has closed the lane."""
        poller = select.poll()
        poller.register(self.fd, select.POLLOUT)
        poller.register(self.lane.fileno(), select.POLLIN)
        ready = poller.poll(PATIENCE_MS)
        if any(fd != self.fd for fd, _ in ready):
            raise OSError(errno.ECONNRESET, 'the worker has closed the lane')
        return bool(ready)

    def is_due(self):
        """Whether the worker should hear of what was sent."""
        now = monotonic()
        if now - self.told_at < TELL_SECONDS:
            return False
        self.told_at = now
        return True

    def report(self):
        """The mark that says what was sent since the last one."""
        self.has_told = True
        return wire.BLOCK.pack(wire.BLOCK_SENT) + self.take_counts()

    def take_counts(self):
        counts = wire.SENT.pack(self.sent, self.framing)
        self.sent = self.framing = 0
        return counts

    def close(self):
        fd, self.fd = self.fd, -1
        if fd in borrowed:
            borrowed.discard(fd)
            os.close(fd)


def receive_loan(sock, instant):
    """The worker's answer to BORROW: a loan, or None. Raises ValueError and OSError when it is no such answer."""
    late = wire.BLOCK.pack(wire.BLOCK_ABORT)
    data, fd = b'', None
    while not data:
        data, fd = receive(sock, LENT_MAX_BYTES)
        if not data and fd is None:
            raise OSError(errno.ECONNRESET, 'the worker has closed the lane')
        while data.startswith(late):
            # For the response before this one, which was over by then.
            data = data[len(late):]
    if fd is None:
        if data != wire.BLOCK.pack(wire.BLOCK_KEPT):
            raise ValueError('neither lent nor kept')
        return None
    if len(data) >= wire.LENT.size:
        mark, _, first, _ = wire.LENT.unpack_from(data)
        if mark == wire.BLOCK_LENT and len(data) == wire.LENT.size + first:
            return Loan(fd, sock, instant, data)
    os.close(fd)
    raise ValueError('a connection without its terms')
