"""A loan: the client's connection, which the worker lends for the rest of one large response.

What is written to it reaches the client without the way through the worker: one copy instead of three, and no process to wake.
It goes back as soon as the client is slow, because the worker can wait for any number of clients, and a thread for one. Only a
process with the worker's own user is ever lent a connection (see docs/channel.md).
"""
import array
import errno
import os
import select
import socket

from . import wire
from .compat import monotonic
from .system import INSTANT_MAX_BYTES, times_slept

# Smaller rests of a response are not worth the question.
LOAN_MIN_BYTES = 256 * 1024
# A client that takes nothing for so long is slow. The kernel holds some megabytes for it meanwhile.
PATIENCE_MS = 50
# How often the worker hears of what goes past it: it must not take a long response for one that is stuck.
TELL_SECONDS = 1.0
SENDFILE_MAX_BYTES = 1 << 30

# A forked child would keep the client's connection open.
CAN_BORROW = hasattr(os, 'register_at_fork') and hasattr(socket, 'CMSG_LEN') and hasattr(os, 'sendfile')
AGAIN = (errno.EAGAIN, errno.EWOULDBLOCK)

borrowed = set()


def forget():
    for fd in borrowed:
        os.close(fd)
    borrowed.clear()


if CAN_BORROW:
    os.register_at_fork(after_in_child=forget)


def receive_mark(sock):
    """The next mark of a lane, and the descriptor that came with it or None."""
    mark, ancillary = sock.recvmsg(4, socket.CMSG_SPACE(4), getattr(socket, 'MSG_CMSG_CLOEXEC', 0))[:2]
    fd = None
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds = array.array('i')
            fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
            fd = fds[0] if fds else None
    return (wire.BLOCK.unpack(mark)[0] if len(mark) == 4 else None), fd


class Loan(object):
    def __init__(self, fd, lane, instant):
        self.fd = fd
        self.lane = lane
        self.instant = instant
        # Bytes that the worker has not been told of, when it was, and whether it ever was.
        self.sent = 0
        self.told_at = monotonic()
        self.has_told = False
        borrowed.add(fd)

    def send(self, data):
        """Sends bytes. Returns how many the client took: fewer than there are when it is slow."""
        size = len(data)
        sent = self.instant(self.fd, data)
        self.sent += sent
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
        the rest of one, or `over` after the last one.

        It does what emit() and send() do, in one loop: their calls cost half of what the kernel takes for a block of 16 KiB. Time in which the thread
        never slept is the transfer's: no other thread could have done anything in it, so it is no reason to wake more of them.
        """
        send, flags = self.instant.call, self.instant.flags
        sent, length, due = 0, request.length, self.told_at + TELL_SECONDS
        began, slept = monotonic(), times_slept()
        try:
            while True:
                data = next(blocks, over)
                if type(data) is not bytes or request.cancelled or monotonic() > due:
                    return data
                size = len(data)
                if size > length - request.produced or size > INSTANT_MAX_BYTES:
                    return data
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
        sent = 0
        while sent < count:
            some = self.attempt(lambda: os.sendfile(self.fd, file, offset + sent, min(count - sent, SENDFILE_MAX_BYTES)))
            if not some:
                break
            sent += some
        return sent

    def attempt(self, act):
        """Bytes that `act` sent, once there is room for some; 0 when there is none for too long."""
        while True:
            try:
                some = act()
                self.sent += some
                return some
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
        mark = wire.BLOCK.pack(wire.BLOCK_SENT) + wire.WIDE.pack(self.sent)
        self.sent = 0
        self.has_told = True
        return mark

    def close(self):
        fd, self.fd = self.fd, -1
        if fd in borrowed:
            borrowed.discard(fd)
            os.close(fd)
