"""A loan for reading: the client's connection, which the worker lends for what is left of one large request body.

The thread that wants the body reads it from the client itself, straight into what the application gets: one copy in place of four, and no other
process to wake. It reads what is left of the body and never a byte more: what follows on the connection is the worker's. It gives the connection
back at the end of the body or of the request, and where nothing comes for a while: that is the worker's to judge (see docs/channel.md).
"""
import io
import os
import select

from . import wire
from .compat import allocate_lock, monotonic
from .loan import CAN_BORROW, TELL_SECONDS

# Nothing has come for so long: a pause. Those between the packets of a distant client are shorter.
PATIENCE_MS = 500
# Nobody is between reading and counting for so long, unless he is there no more.
GUARD_SECONDS = 5.0

# What aux of TOOK says.
GOES_ON, BACK, LOST = 0, 1, 2

loans = set()


def forget():
    """In a forked child: the connections are its parent's."""
    for loan in loans:
        loan.file.close()
        loan.is_lost = True
    loans.clear()


if CAN_BORROW:
    os.register_at_fork(after_in_child=forget)


def decline(request):
    """The connection could not be taken: this process has as many files open as it may."""
    request.lane.put(wire.frame(wire.R_TOOK, request.number, BACK, wire.TOOK.pack(0, 0)))


class BodyLoan(object):
    def __init__(self, fd, left, request, lane):
        # It closes once only, and when it is forgotten, too.
        self.file = io.FileIO(fd)
        self.left = left
        self.request = request
        self.lane = lane
        # Held while bytes are taken and counted: who ends the request must know how many they are, and no other thread may take any after that.
        self.guard = allocate_lock()
        # An exception that another thread has sent (interrupt-timeout) can come between the two. Then nobody knows.
        self.is_counted = True
        # Where in the body the connection is cannot be known any more.
        self.is_lost = False
        # What the worker has not been told: bytes, and seconds of waiting for the client.
        self.taken = 0
        self.waited = 0.0
        self.told_at = monotonic()
        loans.add(self)

    def read(self, count):
        """At most `count` bytes, at least one. None: the connection has gone back, and what is left comes through the lane, if it comes at all."""
        while True:
            with self.guard:
                if self.file.closed:
                    return None
                if self.lane.broken or not self.is_counted:
                    break
                self.is_counted = False
                try:
                    data = self.file.read(min(count, self.left))
                except (OSError, IOError):
                    data = b''
                size = len(data) if data else 0
                self.left -= size
                self.taken += size
                self.is_counted = True
            if size:
                if not self.left:
                    self.give_back()
                elif monotonic() - self.told_at >= TELL_SECONDS:
                    self.tell(GOES_ON)
                return data
            # The end of the connection, and whatever is wrong with it, is the worker's to see.
            if data is not None or not self.wait():
                break
        self.give_back()
        return None

    def wait(self):
        """Whether more has come within the time that the client has. Not if the worker has something to say: it can only be that it is over."""
        poller = select.poll()
        poller.register(self.file.fileno(), select.POLLIN)
        poller.register(self.lane.sock.fileno(), select.POLLIN)
        began = monotonic()
        ready = poller.poll(PATIENCE_MS)
        now = monotonic()
        self.waited += now - began
        if now - self.told_at >= TELL_SECONDS:
            self.tell(GOES_ON)
        return len(ready) == 1 and ready[0][0] != self.lane.sock.fileno()

    def is_left(self):
        """Whether the client has closed its side, whatever of the body may still lie in the connection."""
        poller = select.poll()
        with self.guard:
            if self.file.closed:
                return False
            poller.register(self.file.fileno(), select.POLLRDHUP)
            return bool(poller.poll(0))

    def give_back(self):
        """Ends the loan, once. Any thread may call this."""
        if self.file.closed:
            return
        is_held = self.guard.acquire(True, GUARD_SECONDS)
        try:
            if self.file.closed:
                return
            loans.discard(self)
            self.file.close()
            self.is_lost = not (is_held and self.is_counted)
            self.tell(LOST if self.is_lost else BACK)
        finally:
            if is_held:
                self.guard.release()

    def tell(self, what):
        """What the worker must know to judge the client's pace, as if it read itself."""
        payload = wire.TOOK.pack(self.taken, min(int(self.waited * 1000), 0xFFFFFFFF))
        self.taken, self.waited, self.told_at = 0, 0.0, monotonic()
        if not self.request.ended:
            self.request.lane.put(wire.frame(wire.R_TOOK, self.request.number, what, payload))
