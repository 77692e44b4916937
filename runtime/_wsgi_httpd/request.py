"""One request inside the interpreter: environ, the application's turn, and how its response gets out (PEP 3333)."""
import os
import sys
import time
import traceback

from . import wire
from .bulk import Gone
from .compat import PY2, clear_exception, file_name, monotonic, native, reraise, type_name, utf8
from .filewrapper import FileWrapper, regular_file
from .forked import end_child
from .headers import check_head
from .input import Input
from .loan import GROWN_BYTES, LOAN_MIN_BYTES
from .modules import RequestTimeout
from .scripts import LoadFailed, MissingCallable, NowWatched, ReloadProcess
from .streams import RequestErrors, pieces
from .system import thread_times

CONTROL_MAX_BYTES = wire.CONTROL_MAX_BYTES
F_BODY_STREAM = wire.F_BODY_STREAM
wall_clock = time.time
pack_answer = wire.ANSWER.pack
# Where most requests take longer, the worker gives each a thread at once (pacing.ts).
SLOW_SECONDS = 0.001
# So many times as long as they compute is put down to computing: other processes want the processors, too.
COMPUTING_SLACK = 2
NOT_STARTED = 'start_response() must be called before response content is produced'
# Values that are file names: decoded so that open() finds the file, whatever its bytes.
FILE_KEYS = ('SCRIPT_FILENAME', 'DOCUMENT_ROOT')
# Places of values in the text of a request.
REQUEST_METHOD, REQUEST_URI = (wire.FIXED_KEYS.index(key) for key in ('REQUEST_METHOD', 'REQUEST_URI'))
# What comes after the last block.
OVER = object()


class Request(object):
    # What most requests never change is kept in the class, which makes the making of one cheap.
    slot = None
    cancelled = False
    # The client has closed its side of the connection; it may still read.
    left = False
    finished = False
    # It has its token of the gate, or waits for one.
    gated = False
    too_large = False
    head = None
    code = 0
    length = None
    bad_length = None
    head_sent = False
    ended = False
    discard = False
    head_only = False
    produced = 0
    held = b''
    bulk = None
    errors = None
    input = None
    body_lane = None
    scratch = None
    # It has run for longer than request-timeout.
    stale = False
    # Blocks for a borrowed connection need not come through emit() (loan.py).
    pours = True
    # Seconds that the application has no part in: waiting for the worker to lend, and for the kernel to take blocks.
    transfer = 0.0

    def __init__(self, lane, number, bits, pairs, place, keys, text, body, start, read_at):
        self.lane = lane
        self.number = number
        self.bits = bits
        self.pairs = pairs
        self.place = place
        self.keys = keys
        self.text = text
        self.body = body
        self.start = start
        self.read_at = read_at

    # -- before and beside the application -------------------------------------------------------------------------

    def misses_events(self):
        """Whether somebody has subscribed to events since this request began."""
        return self.slot.crew.execute is not run

    def reject(self, reason):
        self.lane.put(wire.frame(wire.R_REJECT, self.number, wire.REJECT_CODES.get(reason, 3)))

    def return_body(self):
        """Gives back the client's connection, if the body was being read from it: the worker must know what is left of it when the response ends."""
        lane = self.body_lane
        if lane is not None and lane.intake is not None:
            lane.intake.give_back()

    def fail(self, code, note=''):
        self.return_body()
        self.lane.put(wire.frame(wire.R_ERROR, self.number, code, utf8(note)))
        self.ended = True

    def abort(self, code):
        self.return_body()
        self.lane.put(wire.frame(wire.R_ABORT, self.number, code))
        self.ended = True

    def cancel(self):
        """The client has gone. Any thread may call this."""
        self.cancelled = True
        for bulk in (self.bulk, self.body_lane):
            if bulk is not None:
                bulk.shut(self)

    def log(self, level, text):
        """One record, or several where it does not fit into one. Nothing may follow the end of a request: the process says it then."""
        if self.ended:
            self.slot.crew.streams.process_line(text, wire.LEVEL_NAMES[level])
            return
        for piece in pieces(utf8(text)):
            self.lane.put_log(wire.frame(wire.R_LOG, self.number, level, piece))

    def log_exception(self, leave_out=1):
        """The current exception as a headline and its traceback, a record per line (mod_wsgi's texts)."""
        kind, value, trace = sys.exc_info()
        pid, script = os.getpid(), self.place.script
        if kind is SystemExit:
            self.log(wire.L_ERROR, "mod_wsgi (pid=%d): SystemExit exception raised by WSGI script '%s' ignored."
                     % (pid, script))
        else:
            self.log(wire.L_ERROR, "mod_wsgi (pid=%d): Exception occurred processing WSGI script '%s'."
                     % (pid, script))
        try:
            while leave_out and trace is not None and trace.tb_next is not None:
                trace, leave_out = trace.tb_next, leave_out - 1
            for text in traceback.format_exception(kind, value, trace):
                for line in text.rstrip('\n').split('\n'):
                    self.log(wire.L_ERROR, line)
        finally:
            kind = value = trace = None

    def environ(self, slot, began, now):
        """The WSGI environ, or None when a value held a NUL byte. `began` is monotonic, `now` the time of day."""
        text = self.text
        parts = text.split(b'\0') if PY2 else text.decode('latin-1').split('\0')
        keys, pairs = self.keys, self.pairs
        extra = None
        if pairs:
            count = len(parts) - 2 * pairs
            extra = parts[count:]
            del parts[count:]
        errors = self.errors = RequestErrors(self)
        stream = self.input = Input(self, self.body, self.bits & F_BODY_STREAM)
        parts += (parts[1], parts[2], slot.number, self.start, self.start, now - (began - self.read_at), now, errors,
                  stream, self.client_disconnected)
        # The keys end with those of the values just added. A NUL inside a value makes one value too many.
        if len(parts) != len(keys):
            return None
        environ = self.place.base.copy()
        environ.update(zip(keys, parts))
        if extra:
            extra = dict(zip(extra[::2], extra[1::2]))
            for key in FILE_KEYS:
                if key in extra:
                    extra[key] = file_name(extra[key])
            environ.update(extra)
        if self.place.embedded:
            environ['mod_wsgi.queue_start'] = environ['mod_wsgi.daemon_start'] = 0.0
        if parts[0] == 'HEAD':
            self.head_only = self.discard = True
        return environ

    # -- what the application calls --------------------------------------------------------------------------------

    def start_response(self, status, headers, exc_info=None):
        if self.finished:
            raise RuntimeError('start_response() called after request completed')
        if exc_info is not None:
            if not isinstance(exc_info, tuple) or len(exc_info) != 3:
                raise RuntimeError("start_response() argument 'exc_info' must be a 3-tuple or None")
            if self.head_sent:
                try:
                    reraise(*exc_info)
                finally:
                    exc_info = None
        elif self.head_sent:
            raise RuntimeError('start_response() called more than once without exc_info')
        self.code, self.head, self.length, self.bad_length, ignored = check_head(status, headers)
        if ignored:
            for name in ignored:
                self.log(wire.L_WARN, 'Ignoring hop-by-hop response header %s of the application.' % name)
        self.discard = self.head_only or self.code == 204 or self.code == 304
        return self.write

    def write(self, data):
        if self.finished:
            raise RuntimeError('write() called after request completed')
        if not isinstance(data, bytes):
            raise TypeError('write() argument must be bytes, not %s' % type_name(data))
        if data:
            try:
                self.emit(data)
            except Gone:
                raise IOError('client connection closed')

    def client_disconnected(self):
        """Whether the client has gone, as far as the server can know: `waitress.client_disconnected` of the environ. Any thread may call this."""
        if not (self.cancelled or self.left or self.finished) and os.getpid() == self.lane.pid:
            # What the worker says lies in the socket as long as no thread reads.
            self.slot.crew.glance()
            lane = self.body_lane
            if lane is not None and lane.intake is not None and lane.intake.is_left():
                # Nobody else looks at the connection now.
                self.left = True
        return self.cancelled or self.left

    # -- the response ----------------------------------------------------------------------------------------------

    def begin_head(self):
        """Checks what may only fail at first output."""
        if self.head is None:
            raise RuntimeError(NOT_STARTED)
        if self.bad_length is not None:
            raise ValueError('invalid Content-Length header value: %r' % (self.bad_length,))
        self.head_sent = True

    def emit(self, data):
        """Hands on a non-empty block. Raises Gone when nobody wants it any more."""
        lane = self.lane
        if self.cancelled or not lane.alive:
            raise Gone()
        if not self.head_sent:
            self.begin_head()
            if not self.discard and self.length is not None and self.may_borrow():
                # The head and the question come together, so that the worker wakes up once.
                self.open_bulk(wire.frame(wire.R_HEAD, self.number, self.code, self.head))
            else:
                lane.outbox.append(wire.frame(wire.R_HEAD, self.number, self.code, self.head))
        if self.discard:
            return
        size = len(data)
        if self.length is not None and self.produced + size > self.length:
            size = max(self.length - self.produced, 0)
            if not size:
                return
            data = data[:size]
        if self.bulk is None and (self.produced + size > wire.CONTROL_MAX_BYTES or self.should_borrow(size)):
            self.open_bulk()
        self.produced += size
        if self.bulk is not None:
            self.bulk.send(data)
        elif lane.put(wire.frame(wire.R_DATA, self.number, 0, data)):
            # Sent at once, so this is a slow response: a good moment to learn whether the client is still there.
            self.slot.crew.glance()
            if self.cancelled:
                raise Gone()

    def may_borrow(self):
        """Whether the rest of the response is large enough to ask for the client's connection, or may be."""
        return self.lane.lends and (self.length is None or self.length - self.produced >= LOAN_MIN_BYTES)

    def should_borrow(self, size):
        """Whether it is time to ask for it, with a block of so many bytes at hand."""
        return (self.length is not None or self.produced + size >= GROWN_BYTES) and self.may_borrow()

    def open_bulk(self, before=b''):
        """The rest of the body goes over a bulk lane. `before`: frames that have not been put yet."""
        bulk = self.slot.crew.bulk(self.slot, self.lane, 'response')
        if bulk is None or self.cancelled:
            raise Gone()
        borrows = self.may_borrow()
        kind = wire.R_BORROW if borrows else wire.R_SWITCH
        self.lane.outbox.append(before + wire.frame(kind, self.number, 0, wire.BLOCK.pack(bulk.index)))
        self.bulk = bulk
        self.lane.flush(True)
        if borrows:
            asked = monotonic()
            bulk.borrow(None if self.length is None else self.length - self.produced)
            self.transfer += monotonic() - asked

    def answer(self, body):
        """A whole response in one frame."""
        self.begin_head()
        head = self.head
        size = len(body)
        if self.body_lane is not None:
            self.return_body()
        self.ended = True
        self.produced = size
        self.lane.put(pack_answer(12 + len(head) + size, 3, 0, self.code, self.number, len(head)) + head + body)

    def respond(self, result):
        """Takes the application's result to its end."""
        kind = type(result)
        if kind is list or kind is tuple:
            body = self.whole(result)
            if body is not None:
                if self.errors.partial:
                    self.errors.flush()
                self.answer(body)
                return
        elif isinstance(result, FileWrapper) and kind.__iter__ == FileWrapper.__iter__:
            if not self.head_sent and self.head is not None and self.send_file(result.filelike):
                return
        blocks = iter(result)
        while True:
            bulk = self.bulk
            if bulk is None or bulk.loan is None or not self.pours:
                data = next(blocks, OVER)
            else:
                data = bulk.pour(self, blocks, OVER)
            if data is OVER:
                break
            if not isinstance(data, bytes):
                raise TypeError('response iterable must yield bytes, not %s' % type_name(data))
            if data:
                self.emit(data)
            elif self.cancelled:
                raise Gone()
        if self.head is None:
            raise RuntimeError(NOT_STARTED)

    def whole(self, result):
        """The body, if the result is a small and complete list of bytes; None otherwise."""
        if self.head_sent or self.head is None or self.cancelled:
            return None
        if len(result) == 1:
            body = result[0]
            if not isinstance(body, bytes):
                return None
        else:
            for item in result:
                if not isinstance(item, bytes):
                    return None
            body = b''.join(result)
        if self.discard:
            return b''
        length = self.length
        if length is not None and len(body) != length:
            if len(body) < length:
                return None
            body = body[:length]
        return body if len(body) <= CONTROL_MAX_BYTES else None

    def send_file(self, file):
        """Sends a regular file without its bytes passing through Python. False: iterate instead."""
        found = regular_file(file)
        if found is None:
            return False
        fd, offset, count = found
        if self.length is None and self.bad_length is None:
            self.head += utf8('\0Content-Length\0%d' % count)
            self.length = count
        count = min(count, self.length or 0)
        if self.discard:
            return True
        if count <= wire.CONTROL_MAX_BYTES and self.bad_length is None:
            data = b''
            os.lseek(fd, offset, os.SEEK_SET)
            while len(data) < count:
                more = os.read(fd, count - len(data))
                if not more:
                    break
                data += more
            if len(data) == self.length:
                # Sent by complete(): what close() logs belongs to a request that is not over yet.
                self.held = data
                self.produced = self.length
            elif data:
                self.emit(data)
            return True
        self.begin_head()
        self.open_bulk(wire.frame(wire.R_HEAD, self.number, self.code, self.head))
        self.produced = self.bulk.send_file(fd, offset, count)
        return True

    def complete(self):
        """After the last byte and after close(): the end, or what stands for it."""
        if self.errors.partial:
            self.errors.flush()
        if self.ended:
            return
        short = self.length is not None and self.produced < self.length and not self.discard
        if short:
            self.log(wire.L_DEBUG, 'Content length mismatch, expected %d, response generated %d'
                     % (self.length, self.produced))
        self.return_body()
        self.ended = True
        if not self.head_sent:
            if not short:
                self.answer(self.held)
                return
            self.begin_head()
            self.lane.outbox.append(wire.frame(wire.R_HEAD, self.number, self.code, self.head))
        end = wire.frame(wire.R_END, self.number)
        if short:
            if self.bulk is not None:
                self.bulk.close()
            end = wire.frame(wire.R_ABORT, self.number, wire.ABORT_SHORT)
        elif self.bulk is not None:
            sent = self.bulk.hand_back()
            if sent is None:
                self.bulk.end()
            else:
                # Now: a client that has all of it may leave, and the worker shall know first that it was all.
                self.lane.outbox.append(wire.frame(wire.R_RETURNED, self.number, 0, sent))
                self.lane.flush(True)
                return
        self.lane.put(end)

    def failed(self, code, abort_code):
        """Ends a request whose application raised."""
        if self.errors.partial:
            self.errors.flush()
        if self.ended:
            return
        if self.cancelled:
            self.abort(wire.ABORT_CANCELLED)
        elif self.head_sent:
            if self.bulk is not None:
                self.bulk.close()
            self.abort(abort_code)
        else:
            self.fail(wire.E_TOO_LARGE if self.too_large else code)

    def log_interruption(self):
        self.log(wire.L_ERROR, 'Request interrupted by RequestTimeout; ' + (
            'after headers sent; response truncated.' if self.head_sent else 'thread recovered.'))

    def describe(self):
        """What is asked for, without the query, which is nobody's but the application's, and for how long."""
        parts = self.text.split(b'\0', REQUEST_URI + 1)
        path = native(parts[REQUEST_URI]).partition('?')[0]
        return '%s %s for %.1f s' % (native(parts[REQUEST_METHOD]), path, monotonic() - self.read_at)


def serve(crew, slot, request, began):
    """Runs one request on the calling thread, and returns the monotonic time at its end. Never raises."""
    lane = request.lane
    if crew.draining or (crew.maximum and crew.threads == 1 and crew.begun >= crew.maximum):
        request.reject(crew.draining or 'maximum_requests')
        return began
    if request.cancelled or not lane.alive:
        request.abort(wire.ABORT_CANCELLED)
        return began
    slot.request = request
    request.slot = slot
    gate = crew.gate
    if gate is not None and request.place.adapter is not None:
        # A question of the server's waits for no application, and no application for it.
        gate = None
    if gate is not None:
        request.gated = True
        gate.enter(lane.flush)
        began = monotonic()
    # From here on application code may see the request: it must never be repeated elsewhere.
    lane.progress[request.number & 4095] = request.number
    if not lane.alive:
        # The worker has been let go of meanwhile, and may have looked already which requests had begun.
        slot.request = None
        if gate is not None:
            gate.leave()
        return monotonic()
    try:
        crew.execute(crew, slot, request, began)
    finally:
        end_child(request)
        request.finished = True
        # They know the request, and it them: without this only Python's cycle collector could free the three.
        request.errors = request.input = None
        slot.request = None
        if gate is not None:
            gate.leave()
        if request.body_lane is not None and request.body_lane.body_open:
            request.body_lane.close()
        if request.bulk is not None and request.bulk.loan is not None:
            # Called off, or the worker is gone: for the client the connection is open until it is closed here, too.
            request.bulk.close()
        ended = monotonic()
        took = ended - began
        lane.busy += took
        lane.served += 1
        slot.served += 1
        if took - request.transfer > SLOW_SECONDS and waits(crew, slot, took - request.transfer):
            lane.slow += 1
        if crew.maximum:
            crew.count_finished()
    return ended


def waits(crew, slot, took):
    """Whether a request that took so many seconds has waited for something else than the interpreter's lock: more threads are of use then alone.

    Where applications compute, threads only take the lock from each other, and all of their requests become slower than one thread's were.
    What they take for that follows from how many there are, and from what each computes.
    """
    used = sum(thread_times())
    computed = (used - slot.used) / slot.served
    slot.used, slot.served = used, 0
    competing = 1 + sum(other.request is not None for other in crew.slots)
    return took - COMPUTING_SLACK * computed * competing > SLOW_SECONDS


def serve_watched(crew, slot, request, began):
    """The same where timers are set: queue-timeout, inactivity-timeout, interrupt-timeout."""
    if crew.queue_timeout and wall_clock() - request.start > crew.queue_timeout:
        request.fail(wire.E_QUEUE, "Queue timeout expired for WSGI daemon process '%s'."
                     % crew.settings['process_group'])
        return monotonic()
    active = not request.place.ignore_activity
    if active:
        crew.last_activity = began
    try:
        ended = serve(crew, slot, request, began)
    except RequestTimeout:
        # It came when the application was done, in our own code.
        ended = monotonic()
        if not request.ended:
            request.log_interruption()
            if request.head_sent:
                request.abort(wire.ABORT_TIMEOUT)
            else:
                request.fail(wire.E_TIMEOUT)
    if active:
        crew.last_activity = ended
    return ended


def run(crew, slot, request, began):
    environ = request.environ(slot, began, wall_clock())
    if environ is None:
        request.fail(wire.E_MALFORMED, 'a request value holds a NUL byte')
        return
    try:
        application = crew.scripts.application(request.place, environ, request)
    except ReloadProcess:
        request.lane.progress[request.number & 4095] = 0
        request.reject('script_reload')
        crew.retire('script_reload')
        return
    except NowWatched:
        crew.execute(crew, slot, request, began)
        return
    except LoadFailed:
        request.failed(wire.E_SCRIPT, wire.ABORT_EXCEPTION)
        return
    except MissingCallable as error:
        request.log(wire.L_ERROR, str(error))
        request.failed(wire.E_CALLABLE, wire.ABORT_EXCEPTION)
        return
    if crew.maximum:
        crew.count_begun()
    try:
        result = application(environ, request.start_response)
        end_child(request)
        try:
            request.respond(result)
        finally:
            if type(result) is not list:
                close(request, result)
        if not request.ended:
            request.complete()
    except Gone:
        request.log(wire.L_DEBUG, 'Client closed connection.')
        request.cancelled = True
        request.failed(wire.E_EXCEPTION, wire.ABORT_CANCELLED)
    except RequestTimeout:
        request.log_interruption()
        request.failed(wire.E_TIMEOUT, wire.ABORT_TIMEOUT)
    except:  # noqa: E722: SystemExit and the like must not end the thread either
        end_child(request, sys.exc_info()[1])
        request.log_exception()
        request.failed(wire.E_EXCEPTION, wire.ABORT_EXCEPTION)
    finally:
        if PY2:
            clear_exception()


def close(request, result):
    """Calls `close()` of the result, once, whatever has happened before."""
    try:
        method = getattr(result, 'close', None)
        if method is not None:
            method()
    except:  # noqa: E722
        request.log_exception()
