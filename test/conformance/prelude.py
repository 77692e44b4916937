# What scripts of `run` sections find defined. Runs on Python 2.7 and 3.
import sys
import time

PY2 = sys.version_info[0] == 2


def text(start_response, value, status='200 OK', headers=()):
    """A whole response; what is neither text nor bytes is shown as its repr(), the same on Python 2 and 3."""
    if not isinstance(value, (str, bytes)):
        value = show(value)
    if not isinstance(value, bytes):
        value = value.encode('latin-1')
    start_response(status, [('Content-Type', 'text/plain'), ('Content-Length', str(len(value)))] + list(headers))
    return [value]


def show(value):
    """ASCII, without the `b` and `u` of literals."""
    if isinstance(value, list):
        return '[%s]' % ', '.join(show(item) for item in value)
    shown = repr(value) if PY2 else ascii(value)
    return shown[1:] if isinstance(value, bytes if not PY2 else type(u'')) else shown


def error(call, *args, **named):
    """What a call raises, as `Type: text`; or what it returns."""
    try:
        return show(call(*args, **named))
    except Exception as caught:
        return '%s: %s' % (type(caught).__name__, caught)


def settle():
    """For requests that look at an earlier one: its answer may reach the client a moment before its thread is done with it."""
    time.sleep(0.3)


class Result(object):
    """An iterable that tells `log` when its close() is called."""

    def __init__(self, items, log=None):
        self.items = iter(items)
        self.log = log

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.items)

    next = __next__

    def close(self):
        self.log.write('close() called\n')
