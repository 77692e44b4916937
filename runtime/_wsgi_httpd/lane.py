"""Control lane: one socket to one server worker that carries many requests and their small answers.

Answers gather in an outbox and leave in few sends. An item may wait in the outbox only while `defer_until` lies ahead:
the worker is told (flag OPEN) and kicks a sleeping thread about a millisecond later, which flushes. Anything put
later than that is sent at once, so no finished answer ever waits behind a blocked thread. docs/channel.md has the proof.
"""
import json
import os
import socket

from . import wire
from .compat import allocate_lock, monotonic, native, file_name, PY2, retry_interrupted
from .hooks import ADAPTERS
from .request import Request

# How long an answer may lie in the outbox before it is sent at the cost of a system call of its own.
DEFER_SECONDS = 0.001
READ_BYTES = 32 * 1024
PLACES_MAX = 8192
SIGNATURES_MAX = 8192
# Names that are found sooner, for each frame.
T_REQUEST, HEADER_BYTES, REQUEST_BYTES = wire.T_REQUEST, wire.HEADER_BYTES, wire.REQUEST_BYTES


class Violation(Exception):
    """The worker sent something it never sends: the lane is closed."""


class Place(object):
    """The constant part of many requests; see `Place` in src/wsgi/channel/types.ts."""
    __slots__ = ('kind', 'script', 'callable', 'reload', 'base', 'embedded', 'adapter', 'ignore_activity')

    def __init__(self, parts, constants, group):
        self.kind, self.script, self.callable, reload_flag = parts[0], file_name(parts[1]), parts[2], parts[3]
        self.reload = reload_flag == '1'
        self.adapter = ADAPTERS.get(self.kind)
        # With all keys of a request in it, the copy that becomes the environ has room for them: no growing, no rehashing.
        base = dict.fromkeys(wire.FIXED_KEYS + wire.LATE_KEYS)
        given = dict(zip(parts[4::2], parts[5::2]))
        base.update(given)
        for key in ('SCRIPT_FILENAME', 'DOCUMENT_ROOT'):
            if key in base:
                base[key] = file_name(base[key])
        base.update(constants)
        if 'wsgi.version' in given:
            # WSGIHttpdInterfaceVersion
            base['wsgi.version'] = tuple(int(part) for part in given['wsgi.version'].split('.'))
        base['mod_wsgi.application_group'] = group
        base['mod_wsgi.callable_object'] = self.callable
        base['mod_wsgi.script_reloading'] = '1' if self.reload else '0'
        base['mod_wsgi.handler_script'] = parts[1] if self.kind == 'handler' else ''
        base.setdefault('mod_wsgi.request_handler', 'wsgi-script')
        base.setdefault('mod_wsgi.input_chunked', '0')
        base.pop('PATH', None)
        self.embedded = not base['mod_wsgi.process_group']
        self.ignore_activity = base.get('mod_wsgi.ignore_activity') == '1'
        self.base = base


class ControlLane(object):
    def __init__(self, sock, number, group, worker, crew, progress):
        self.sock = sock
        self.pid = os.getpid()
        self.number = number
        self.group = group
        self.crew = crew
        self.constants = dict(crew.constants, **{'mod_wsgi.server_pid': str(worker)})
        self.progress = progress
        self.outbox = []
        self.send_lock = allocate_lock()
        self.defer_until = 0.0
        self.alive = True
        # The worker may lend the connections of its clients (loan.py).
        self.lends = False
        self.received = 0
        self.kicks = 0
        # Of the requests since the last report: seconds they took, how many, how many of them were slow.
        self.busy = 0.0
        self.served = 0
        self.slow = 0
        self.told = None
        self.rest = b''
        self.places = {}
        self.signatures = {0: wire.FIXED_KEYS + wire.LATE_KEYS}

    def put(self, item):
        """Adds a frame; sends it now unless somebody is sure to send it within about a millisecond."""
        self.outbox.append(item)
        # The order matters: a waking thread first lowers `asleep`, then flushes. See sleep() in crew.py.
        if not self.crew.asleep or monotonic() > self.defer_until:
            self.flush(True)
            return True
        return False

    def put_log(self, item):
        """Adds a frame for the log. A child that the application has forked sends it alone: what has gathered here is its parent's to send, once."""
        if os.getpid() == self.pid:
            self.put(item)
            return
        try:
            self.sock.sendall(item)
        except (OSError, IOError):
            pass

    def flush(self, window=False, force=False):
        """Sends the outbox and a report. `window`: the caller goes on working, so later items may wait again."""
        if os.getpid() != self.pid:
            # A child that the application has forked and that goes on with its parent's response; see forked.py.
            os._exit(0)
        crew = self.crew
        with self.send_lock:
            with crew.counts:
                asleep, kicks = crew.asleep, self.kicks
            waiting = len(crew.pending)
            if window:
                self.defer_until = monotonic() + DEFER_SECONDS
                flags = wire.F_OPEN
            else:
                flags = wire.F_OPEN if monotonic() <= self.defer_until else 0
            if crew.reading:
                flags |= wire.F_READING
            state = (flags, asleep, kicks, waiting, self.received)
            out = self.outbox
            count = len(out)
            if not count and state == self.told and not force:
                return
            items = out[:count]
            del out[:count]
            self.told = state
            served = self.served
            micros = slow = 0
            if served:
                micros = min(max(int(self.busy * 1000000.0 / served), 1), 0xFFFFFFFF)
                slow = min(self.slow * 1000 // served, 1000)
                self.busy, self.served, self.slow = 0.0, 0, 0
            items.append(wire.REPORT.pack(24, wire.R_REPORT, flags, asleep, self.received, kicks, waiting, micros, slow))
            data = b''.join(items)
            try:
                if crew.instant is not None:
                    sent = crew.instant(self.sock.fileno(), data)
                    if sent == len(data):
                        return
                    data = data[sent:]
                self.sock.sendall(data)
            except (OSError, IOError):
                self.alive = False

    def read(self, flags=0):
        """Takes what the socket holds and queues its requests. Returns False once the worker is gone.

        Raises BlockingIOError (2.7: socket.error) when `flags` says not to wait and nothing is there.
        """
        chunk = retry_interrupted(self.sock.recv, READ_BYTES, flags) if PY2 else self.sock.recv(READ_BYTES, flags)
        if not chunk:
            return False
        now = monotonic()
        self.defer_until = now + DEFER_SECONDS
        data = self.rest + chunk if self.rest else chunk
        position, end = 0, len(data)
        append = self.crew.pending.append
        unpack = wire.REQUEST.unpack_from
        signatures, places = self.signatures, self.places
        while end - position >= HEADER_BYTES:
            length, kind, bits, aux, number = wire.HEADER.unpack_from(data, position)
            if length > wire.FRAME_MAX_BYTES or length < 8:
                raise Violation('frame of %d bytes' % length)
            stop = position + 4 + length
            if stop > end:
                break
            if kind == T_REQUEST:
                _, _, bits, pairs, number, place, signature, size, start = unpack(data, position)
                text = position + REQUEST_BYTES
                text_end = text + size
                if text_end > stop:
                    raise Violation('text beyond its frame')
                self.received = (self.received + 1) & 0xFFFFFFFF
                append(Request(self, number, bits, pairs, places[place], signatures[signature],
                               data[text:text_end], data[text_end:stop], start, now))
            else:
                self.control(kind, aux, number, data[position + HEADER_BYTES:stop])
            position = stop
        self.rest = data[position:]
        return True

    def control(self, kind, aux, number, payload):
        """Frames that are not requests."""
        if kind == wire.T_PLACE:
            if number >= PLACES_MAX:
                raise Violation('place number %d' % number)
            self.places[number] = Place(native(payload).split('\0'), self.constants, self.group)
        elif kind == wire.T_SIGNATURE:
            if number >= SIGNATURES_MAX:
                raise Violation('signature number %d' % number)
            keys = tuple(self.crew.intern_key(key) for key in native(payload).split('\0')) if payload else ()
            self.signatures[number] = wire.FIXED_KEYS + keys + wire.LATE_KEYS
        elif kind == wire.T_FORGET:
            # In place: read() holds on to the dictionary.
            self.signatures.clear()
            self.signatures[0] = wire.FIXED_KEYS + wire.LATE_KEYS
        elif kind == wire.T_CANCEL:
            self.crew.cancel(self, number)
        elif kind == wire.T_LEFT:
            self.crew.note_left(self, number)
        elif kind != wire.T_NOOP:
            raise Violation('frame type %d' % kind)

    def greet(self, details):
        payload = json.dumps(details).encode('ascii')
        with self.send_lock:
            self.sock.sendall(wire.frame(wire.R_HELLO, self.number, wire.PROTOCOL, payload))

    def nudge(self, kind=wire.R_NUDGE, aux=0):
        """Asks the worker to send something, which makes the thread that reads this lane look around."""
        self.outbox.append(wire.frame(kind, 0, aux))
        self.flush(force=True)

    def finish(self):
        """Nothing more will be sent."""
        self.flush()
        with self.send_lock:
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except (OSError, IOError):
                pass

    def close(self):
        self.alive = False
        try:
            # Wakes a thread that is sending; only when none is, the descriptor's number may go to somebody else.
            self.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, IOError):
            pass
        with self.send_lock:
            self.sock.close()
