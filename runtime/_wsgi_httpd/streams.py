"""Text that applications print: `wsgi.errors`, and `sys.stdout` / `sys.stderr`, which choose per thread.

A thread inside a request writes to that request's log; everything else goes to the process's log, line by line.
"""
import os
import re
import time

from . import wire
from .compat import PY2, get_ident, start_new_thread, text_type, type_name, utf8

# A line that is not finished, and to which nothing is added for about this long, is logged as it is.
IDLE_SECONDS = 0.2


def as_text(data):
    """What may be written: native strings, and on Python 2 unicode too."""
    if isinstance(data, str):
        return data
    if PY2 and isinstance(data, text_type):
        return data.encode('utf-8')
    raise TypeError('write() argument must be str, not %s' % type_name(data))


class LineWriter(object):
    """A text stream that hands on complete lines; `_line(text)` is what a subclass does with one."""
    encoding = 'utf-8'
    errors = 'backslashreplace'
    newlines = None
    mode = 'w'
    softspace = 0

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def isatty(self):
        return False

    def readable(self):
        return False

    def writable(self):
        return True

    def seekable(self):
        return False

    def fileno(self):
        raise IOError('this stream has no file descriptor')

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.flush()

    @property
    def buffer(self):
        return ByteWriter(self)


class ByteWriter(object):
    """The `buffer` of a text stream: takes bytes of UTF-8."""
    mode = 'wb'

    def __init__(self, text):
        self.raw = text

    def write(self, data):
        data = bytes(data)
        self.raw.write(data if PY2 else data.decode('utf-8', 'replace'))
        return len(data)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        self.raw.flush()

    def isatty(self):
        return False


class RequestErrors(LineWriter):
    """`wsgi.errors` of one request."""
    name = '<wsgi.errors>'
    partial = ''
    closed = False

    def __init__(self, request):
        self.request = request

    def write(self, data):
        request = self.request
        if request.finished:
            raise RuntimeError('write() called on wsgi.errors after request completed')
        if self.closed:
            raise ValueError('I/O operation on closed file')
        data = as_text(data)
        if '\n' in data:
            lines = (self.partial + data).split('\n')
            self.partial = lines.pop()
            for line in lines:
                request.log(wire.L_ERROR, line)
        else:
            self.partial += data
        if len(self.partial) > 8192:
            self.flush()
        return len(data)

    def flush(self):
        if self.request.finished:
            raise RuntimeError('flush() called on wsgi.errors after request completed')
        if self.partial:
            text, self.partial = self.partial, ''
            self.request.log(wire.L_ERROR, text)

    def close(self):
        if not self.closed and not self.request.finished:
            self.flush()
        self.closed = True


class Streams(object):
    """Knows which thread is inside which request, and where text outside of requests goes."""

    def __init__(self, notify):
        self.slots = {}
        self.notify = notify
        self.stdout = ThreadStream(self, '<stdout>')
        self.stderr = ThreadStream(self, '<stderr>')

    def register(self, slot):
        self.slots[slot.ident] = slot

    def request(self):
        """The request that the calling thread is inside of, or None."""
        slot = self.slots.get(get_ident())
        return slot.request if slot is not None else None

    def reopen(self):
        """In a process that was forked: lines that had been begun are its origin's to log."""
        for stream in (self.stdout, self.stderr):
            stream.partials.clear()

    def process_line(self, text, level='error'):
        for piece in pieces(utf8(text), RECORD_MAX_BYTES):
            self.notify({'type': 'log', 'level': level, 'text': piece.decode('utf-8', 'replace')})


# What fits into a record of the error log beside time, process and client, if each byte is shown as four (`\xc3`) ...
RECORD_MAX_BYTES = 1920
# ... or if all bytes are shown as they are.
PLAIN_RECORD_MAX_BYTES = 7680
PLAIN = re.compile(br'[ -\[\]-~]*\Z')


def pieces(data, most=PLAIN_RECORD_MAX_BYTES):
    """A line as one or more records, cut between characters: what is too long for one must not be lost."""
    if len(data) <= RECORD_MAX_BYTES:
        return [data]
    size = most if PLAIN.match(data) else RECORD_MAX_BYTES
    found = []
    while len(data) > size:
        end = size
        # A character has at most three bytes after its first; bytes that are no UTF-8 may be cut anywhere.
        while end > size - 3 and bytearray(data[end:end + 1])[0] & 0xC0 == 0x80:
            end -= 1
        found.append(data[:end])
        data = data[end:]
    return found + [data]


class ThreadStream(LineWriter):
    """What `sys.stdout` and `sys.stderr` are."""
    closed = False

    def __init__(self, streams, name):
        self.streams = streams
        self.name = name
        # Unfinished lines outside of requests, by thread.
        self.partials = {}
        # The process whose thread looks after them, if there is one; a child that the application has forked does not have its parent's.
        self.flusher = None

    def write(self, data):
        request = self.streams.request()
        if request is not None and request.errors is not None and not request.errors.closed:
            return request.errors.write(data)
        data = as_text(data)
        ident = get_ident()
        lines = (self.partials.pop(ident, '') + data).split('\n')
        rest = lines.pop()
        for line in lines:
            self.streams.process_line(line)
        if len(rest) > 8192:
            self.streams.process_line(rest)
        elif rest:
            self.partials[ident] = rest
            self.flush_later()
        return len(data)

    def flush_later(self):
        """Sees to it that a thread looks after unfinished lines."""
        if self.flusher == os.getpid():
            return
        self.flusher = os.getpid()
        try:
            start_new_thread(self.flush_idle, ())
        except Exception:
            # Nobody's print() fails for that: the line waits for its end, or for the next thread that can be started.
            self.flusher = None

    def flush_idle(self):
        """Logs unfinished lines to which nothing is added any more, until there are none."""
        while self.partials:
            # A copy in one step: other threads write meanwhile.
            seen = self.partials.copy()
            time.sleep(IDLE_SECONDS)
            for ident, text in seen.items():
                if self.partials.get(ident) is text:
                    self.flush_of(ident)
        self.flusher = None
        # One may have begun when it still seemed to be looked after.
        if self.partials:
            self.flush_later()

    def flush_of(self, ident):
        text = self.partials.pop(ident, '')
        if text:
            self.streams.process_line(text)

    def flush(self):
        request = self.streams.request()
        if request is not None and request.errors is not None and not request.errors.closed:
            request.errors.flush()
            return
        self.flush_of(get_ident())

    def close(self):
        self.flush()

    def fileno(self):
        """The process's error log, for child processes and C code."""
        return 2

    def detach(self):
        raise ValueError('this stream cannot be detached')


class Restricted(object):
    """Stands for a stream that the configuration forbids (`WSGIRestrictStdin`, `WSGIRestrictStdout`)."""

    def __init__(self, name):
        object.__setattr__(self, '_name', name)

    def __getattribute__(self, attribute):
        if attribute in ('__class__', '__dict__'):
            return object.__getattribute__(self, attribute)
        raise IOError('%s access restricted by mod_wsgi' % object.__getattribute__(self, '_name'))
