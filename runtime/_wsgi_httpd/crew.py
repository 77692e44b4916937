"""The threads of one interpreter, and how they share the work.

One thread at a time holds the *reader role*: it waits for requests, queues them, gives the role up and works. All
others sleep on the kick lanes, without the GIL and without contending for anything. The worker at the other end sees
requests go out and answers come back, so it knows when another thread is needed and writes one byte to a kick lane.
A thread that wakes up first flushes every outbox, then takes a request, then offers to read.
"""
import collections
import errno
import itertools
import os
import socket
import threading
import time

from . import wire
from .bulk import BulkLane
from .compat import allocate_lock, get_ident, monotonic, start_new_thread
from .lane import ControlLane, Violation
from .limits import drawn_maximum, replacement_point
from .loan import CAN_BORROW
from .modules import RequestTimeout
from .poller import Poller
from .request import run, serve, serve_watched

KEYS_MAX = 4096


class Slot(object):
    """One pool thread: what it is doing, and its bulk lanes."""
    __slots__ = ('crew', 'number', 'request', 'bulks', 'ident', 'served', 'used')

    def __init__(self, crew, number):
        self.crew = crew
        self.number = number
        self.request = None
        self.bulks = {}
        self.ident = None
        # Requests since the last one that seemed slow, and seconds of CPU that the thread had used by then.
        self.served = 0
        self.used = 0.0


class Crew(object):
    def __init__(self, settings, group, scripts, streams, constants, notify, gate=None):
        self.settings = settings
        self.group = group
        self.scripts = scripts
        self.streams = streams
        self.constants = constants
        self.notify = notify
        self.gate = gate
        self.threads = settings['threads']
        self.pending = collections.deque()
        self.counts = allocate_lock()
        self.role = allocate_lock()
        self.asleep = 0
        self.reading = False
        self.lanes = {}
        self.lane_list = ()
        self.have_lanes = threading.Event()
        self.draining = None
        self.slots = [Slot(self, number + 1) for number in range(self.threads)]
        self.keys = {}
        self.bulk_waiters = {}
        # Never the same twice: a slow client may hold a lane for long after its thread has opened many others.
        self.bulk_numbers = itertools.count(1)
        self.begun = 0
        self.finished = 0
        # For the control lanes too, once a bulk lane has needed it (system.py).
        self.instant = None
        self.maximum = settings.get('maximum_requests') or 0
        self.replace_at = 0
        self.queue_timeout = settings.get('queue_timeout') or 0
        self.last_activity = 0.0
        watched = any(settings.get(name) for name in ('queue_timeout', 'inactivity_timeout', 'interrupt_timeout'))
        self.serve = serve_watched if watched else serve
        # What serves a request on its thread; events.py puts something else here once somebody subscribes.
        self.execute = run
        self.started = False
        self.kicks = {}
        self.open_pollers()

    def open_pollers(self):
        self.kick_poller = Poller(edge=True)
        self.read_poller = Poller()
        self.chain_read, self.chain_write = os.pipe()
        self.kick_poller.add(self.chain_read)

    def reopen(self):
        """After a fork: pollers and pipes belong to one process."""
        os.close(self.chain_read)
        os.close(self.chain_write)
        self.open_pollers()

    # -- lanes: called by the thread that accepts connections ------------------------------------------------------

    def start(self):
        """Starts the pool, once, when the first worker has come."""
        if self.started:
            return
        self.started = True
        # Not before: this process may have been forked from the one that made the crew.
        self.maximum = drawn_maximum(self.maximum, self.settings.get('maximum_requests_jitter') or 0)
        self.replace_at = replacement_point(self.maximum, os.getpid())
        for slot in self.slots:
            start_new_thread(self.run, (slot,))
        if self.threads == 1:
            start_new_thread(self.help, ())

    def add_control(self, sock, number, group, worker, progress, details, lends=False):
        lane = ControlLane(sock, number, group, worker, self, progress)
        lane.lends = CAN_BORROW and lends is True
        lane.greet(details)
        lanes = dict(self.lanes)
        lanes[number] = lane
        self.read_poller.add(sock.fileno())
        old = self.lane_list
        self.lanes = lanes
        self.lane_list = tuple(lanes.values())
        # A thread that waits in recv() on the only lane must learn that there are two now.
        for other in old:
            other.nudge()
        self.have_lanes.set()
        self.start()
        if self.draining:
            lane.nudge(wire.R_RETIRING, wire.REJECT_CODES[self.draining])

    def add_kick(self, sock, number):
        lane = self.lanes.get(number)
        if lane is None:
            sock.close()
            return
        sock.setblocking(False)
        self.kicks[sock.fileno()] = (sock, lane)
        self.kick_poller.add(sock.fileno())

    def add_bulk(self, sock, number, index):
        waiter = self.bulk_waiters.pop((number, index), None)
        if waiter is None:
            sock.close()
            return
        waiter[1] = sock
        waiter[0].release()

    def drop(self, lane):
        """Forgets a lane whose worker is gone, and lets go of everything that waits for that worker."""
        lane.alive = False
        lanes = dict(self.lanes)
        lanes.pop(lane.number, None)
        self.lanes = lanes
        self.lane_list = tuple(lanes.values())
        if not lanes:
            self.have_lanes.clear()
            if self.lanes:
                self.have_lanes.set()
        self.read_poller.remove(lane.sock.fileno())
        for fd, (sock, owner) in list(self.kicks.items()):
            if owner is lane:
                self.kicks.pop(fd, None)
                self.kick_poller.remove(fd)
                sock.close()
        for key in list(self.bulk_waiters):
            if key[0] == lane.number:
                waiter = self.bulk_waiters.pop(key, None)
                if waiter:
                    waiter[0].release()
        for request in self.open_requests():
            if request.lane is lane:
                request.cancel()
        for slot in self.slots:
            for key in list(slot.bulks):
                if key[0] == lane.number:
                    bulk = slot.bulks.pop(key, None)
                    if bulk:
                        bulk.shut()
        lane.close()
        self.notify({'type': 'lane_closed', 'channel': lane.number})

    # -- the pool --------------------------------------------------------------------------------------------------

    def run(self, slot):
        """The life of a pool thread."""
        slot.ident = get_ident()
        self.streams.register(slot)
        while True:
            try:
                self.work(slot)
            except RequestTimeout:
                # interrupt-timeout: it came when the request was over.
                pass

    def work(self, slot):
        pending, role, serve_one = self.pending, self.role, self.serve
        now = monotonic()
        while True:
            try:
                request = pending.popleft()
            except IndexError:
                if not self.lanes:
                    self.have_lanes.wait()
                elif role.acquire(False):
                    try:
                        self.read()
                    finally:
                        self.reading = False
                        role.release()
                else:
                    self.sleep()
                now = monotonic()
                continue
            now = serve_one(self, slot, request, now)
            request = None

    def help(self):
        """With one pool thread nobody could flush while it is blocked: this thread does, and nothing else."""
        while True:
            self.sleep()

    def read(self):
        """Waits for requests. The caller holds the reader role."""
        if self.pending:
            return
        lanes = self.lane_list
        self.reading = True
        for lane in lanes:
            lane.flush()
        if len(lanes) == 1:
            self.read_lane(lanes[0], 0)
            return
        for fd in self.read_poller.wait():
            for lane in self.lane_list:
                if lane.alive and lane.sock.fileno() == fd:
                    self.read_lane(lane, socket.MSG_DONTWAIT)

    def read_lane(self, lane, flags):
        self_reading = True
        try:
            self_reading = lane.read(flags)
        except (Violation, KeyError, ValueError, IndexError) as error:
            self.notify({'type': 'log', 'level': 'error', 'text': 'protocol violation by a worker: %r' % (error,)})
            self_reading = False
        except (OSError, IOError) as error:
            self_reading = error.errno in (errno.EAGAIN, errno.EWOULDBLOCK)
        if not self_reading:
            self.drop(lane)

    def glance(self):
        """Looks for news of clients, between two blocks of a slow response or when asked, where nobody else is reading."""
        if self.role.acquire(False):
            try:
                for lane in self.lane_list:
                    self.read_lane(lane, socket.MSG_DONTWAIT)
            finally:
                self.role.release()

    def sleep(self):
        """Sleeps until kicked, then flushes every outbox and tells the workers that this thread is up."""
        with self.counts:
            self.asleep += 1
        for lane in self.lane_list:
            lane.flush()
        kicked = set()
        ready = self.kick_poller.wait()
        for fd in ready:
            if fd == self.chain_read:
                extra = len(os.read(fd, 64))
            else:
                sock, lane = self.kicks.get(fd, (None, None))
                if sock is None:
                    continue
                try:
                    got = sock.recv(64)
                except (OSError, IOError):
                    continue
                if not got:
                    self.kicks.pop(fd, None)
                    self.kick_poller.remove(fd)
                    sock.close()
                    continue
                with self.counts:
                    lane.kicks = (lane.kicks + len(got)) & 0xFFFFFFFF
                kicked.add(lane)
                extra = len(got)
            if extra > 1:
                # Several kicks came as one edge: wake the others.
                os.write(self.chain_write, b'k' * (extra - 1))
        with self.counts:
            self.asleep -= 1
        for lane in self.lane_list:
            lane.flush(force=lane in kicked)

    # -- what requests need ----------------------------------------------------------------------------------------

    def bulk(self, slot, lane, purpose):
        """This thread's bulk lane to the worker of `lane` for `purpose` (`body`, `response`); None: worker gone.

        Two purposes, two sockets: an unread request body makes its lane useless and must not take a response along.
        """
        key = (lane.number, purpose)
        bulk = slot.bulks.get(key)
        if bulk is not None:
            if bulk.usable() and bulk.assign(slot.request):
                return bulk
            bulk.close()
            slot.bulks.pop(key, None)
        index = next(self.bulk_numbers) & 0xFFFFFFFF
        waiter = [allocate_lock(), None]
        waiter[0].acquire()
        self.bulk_waiters[lane.number, index] = waiter
        lane.outbox.append(wire.frame(wire.R_NEED_BULK, index))
        lane.flush()
        if not lane.alive:
            self.bulk_waiters.pop((lane.number, index), None)
            return None
        waiter[0].acquire()
        if waiter[1] is None:
            return None
        bulk = slot.bulks[key] = BulkLane(waiter[1], index)
        self.instant = bulk.instant_send
        bulk.assign(slot.request)
        return bulk

    def intern_key(self, key):
        """One string object per key, bounded because clients choose header names."""
        found = self.keys.get(key)
        if found is None:
            if len(self.keys) >= KEYS_MAX:
                self.keys.clear()
            found = self.keys[key] = key
        return found

    def open_requests(self):
        """Requests that were received and not yet finished."""
        # A copy in one step: without GIL the queue changes while it is looked through.
        return list(self.pending.__copy__()) + [slot.request for slot in self.slots if slot.request is not None]

    def cancel(self, lane, number):
        for request in self.open_requests():
            if request.lane is lane and request.number == number:
                request.cancel()

    def note_left(self, lane, number):
        for request in self.open_requests():
            if request.lane is lane and request.number == number:
                request.left = True

    def count_begun(self):
        with self.counts:
            self.begun += 1

    def count_finished(self):
        """Called after each request where maximum-requests is set."""
        with self.counts:
            self.finished += 1
            finished = self.finished
        if finished >= self.maximum:
            self.retire('maximum_requests')
        elif finished == self.replace_at:
            self.notify({'type': 'leaving', 'reason': 'maximum_requests_near'})

    def active(self):
        """Requests that run, without those that have run for longer than request-timeout."""
        running = [slot.request for slot in self.slots]
        return sum(1 for request in running if request is not None and not request.stale)

    def stuck(self):
        running = [slot.request for slot in self.slots]
        return sum(1 for request in running if request is not None and request.stale)

    def retire(self, reason):
        """From now on every request that has not begun goes back to its worker."""
        if self.draining:
            return
        self.draining = reason
        while self.pending:
            try:
                request = self.pending.popleft()
            except IndexError:
                break
            request.reject(reason)
        for lane in self.lane_list:
            lane.nudge(wire.R_RETIRING, wire.REJECT_CODES.get(reason, 3))
        if self.started:
            # All others may be stuck in the application, with requests unread behind them. This one gives them back, and begins nothing.
            start_new_thread(self.run, (Slot(self, 0),))
        self.notify({'type': 'retire_all', 'reason': reason})

    def hang_up(self, seconds=1.0):
        """Says goodbye: the workers read all that was sent, then close. Just to exit could cost them the last answers,
        because a worker that happens to write at that moment gets an error instead.
        """
        for lane in self.lane_list:
            lane.finish()
        deadline = monotonic() + seconds
        while self.lanes and monotonic() < deadline:
            time.sleep(0.002)

    def drained(self):
        """Whether nothing runs any more; what was finished has then been sent."""
        if self.active() or self.pending:
            return False
        for lane in self.lane_list:
            lane.flush()
        return not self.active()
