"""`wsgi.input`: the request body as a stream that always knows its end."""
from . import wire
from .bulk import BodyAborted

# Taken at a time, at most. Larger pieces cost as much CPU, and leave three times the memory behind: malloc gives back what was below its threshold.
CHUNK_BYTES = 64 * 1024
# An application that wants no more than this wants more after it.
SMALL_BYTES = 16 * 1024
EVERYTHING = 1 << 62


class Input(object):
    """Bytes come from the request frame, or, at the first touch, from the thread's bulk lane."""
    # What is None or 0 for most requests is kept in the class. `_more` None: the body has not been asked for yet
    # (asking is what makes the client get `100 Continue`).
    _at = 0
    _more = False
    _error = None

    def __init__(self, request, data, streams):
        self._request = request
        self._data = data
        if streams:
            self._more = None

    def read(self, size=-1):
        self._check('read() called on wsgi.input')
        if size is None or size < 0:
            size = EVERYTHING
        if not size:
            if self._more is None:
                self._open()
            return b''
        left, parts = size, []
        while left and (self._data or self._fill(left)):
            part = self._take(left)
            left -= len(part)
            parts.append(part)
        # One is returned as it came; to join even an empty one with it would copy it.
        return parts[0] if len(parts) == 1 else b''.join(parts)

    def readline(self, size=-1):
        self._check('readline() called on wsgi.input')
        if size is None:
            size = -1
        if not size:
            return b''
        parts, left = [], size
        while True:
            end = self._data.find(b'\n', self._at)
            held = (end + 1 if end >= 0 else len(self._data)) - self._at
            if left >= 0 and held >= left:
                parts.append(self._take(left))
                break
            part = self._take(held)
            parts.append(part)
            if end >= 0:
                break
            left -= len(part) if left >= 0 else 0
            if not self._fill():
                break
        return b''.join(parts)

    def readlines(self, hint=-1):
        self._check('readlines() called on wsgi.input')
        lines, total = [], 0
        while True:
            line = self.readline()
            if not line:
                return lines
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                return lines

    def __iter__(self):
        return self

    def __next__(self):
        self._check('iteration of wsgi.input attempted')
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    next = __next__

    def close(self):
        """No effect: the body belongs to the server."""

    def _check(self, what):
        if self._request.finished:
            raise RuntimeError('%s after request completed' % what)
        if self._error is not None:
            raise IOError(self._error)

    def _take(self, count):
        start = self._at
        end = min(start + count, len(self._data))
        if start == 0 and end == len(self._data):
            data, self._data = self._data, b''
            return data
        self._at = end
        data = self._data[start:end]
        if end == len(self._data):
            self._data, self._at = b'', 0
        return data

    def _open(self):
        request = self._request
        slot = request.slot
        lane = slot.crew.bulk(slot, request.lane, 'body')
        if lane is None or request.cancelled:
            self._fail('gone')
        lane.await_body(request.lane.lends)
        request.body_lane = lane
        self._more = True
        request.lane.outbox.append(
            wire.frame(wire.R_WANT_BODY, request.number, 1 if lane.lends else 0, wire.BLOCK.pack(lane.index)))
        request.lane.flush(True)

    def _fill(self, count=CHUNK_BYTES):
        """Gets more bytes; False at the end. Called only when nothing is held."""
        if self._more is None:
            self._open()
        if not self._more:
            return False
        cause = None
        try:
            data = self._request.body_lane.receive(count if SMALL_BYTES < count < CHUNK_BYTES else CHUNK_BYTES)
        except BodyAborted as error:
            cause = str(error)
        if cause is not None:
            # Out here, so that tracebacks of applications do not begin with our own exception.
            self._fail(cause)
        if not data:
            self._more = False
            return False
        self._data, self._at = data, 0
        return True

    def _fail(self, cause):
        self._more = False
        if cause == 'too-large':
            self._request.too_large = True
            self._error = 'request data read error: body exceeds the limit'
        else:
            self._error = 'request data read error: client connection closed'
        raise IOError(self._error)
