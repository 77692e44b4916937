"""Sub-interpreters, made from Python itself: `_interpreters` (3.13 and later), `_xxsubinterpreters` (3.8 to 3.12)."""
import json
import os
import sys

try:
    import _interpreters as _api
except ImportError:
    try:
        import _xxsubinterpreters as _api
    except ImportError:
        _api = None

AVAILABLE = _api is not None and sys.version_info >= (3, 8)

_START = '''
import sys
_writes = sys.dont_write_bytecode
sys.dont_write_bytecode = True
sys.path.insert(0, {home!r})
try:
    import _wsgi_httpd.guest
finally:
    sys.path.remove({home!r})
    sys.dont_write_bytecode = _writes
_wsgi_httpd.guest.start({text!r})
'''


def _create():
    """An interpreter that shares the GIL: threads and all extension modules work in it as in the originals."""
    if sys.version_info >= (3, 13):
        return _api.create('legacy')
    if sys.version_info >= (3, 9):
        return _api.create(isolated=False)
    return _api.create()


def _run(number, source):
    """Runs source text in an interpreter. Raises RuntimeError with the reason where it raises."""
    try:
        failed = _api.run_string(number, source)
    except Exception as error:
        raise RuntimeError(str(error))
    if failed is not None:
        raise RuntimeError(getattr(failed, 'formatted', None) or str(failed))


class Guest(object):
    """The main interpreter's handle on a sub-interpreter."""

    def __init__(self, settings, group, progress_fd, gate, home, preload):
        self.group = group
        inbox, self.inbox = os.pipe()
        self.outbox, outbox = os.pipe()
        self.rest = b''
        self.is_drained = False
        # The handle keeps the interpreter alive, so it is kept as long as the process lives.
        self.number = _create()
        text = json.dumps({'settings': settings, 'group': group, 'progress': progress_fd, 'inbox': inbox, 'preload': preload,
                           'outbox': outbox, 'gate': gate})
        _run(self.number, _START.format(home=home, text=text))

    def connected(self, sock, hello):
        self._tell({'type': 'connected', 'fd': sock.detach(), 'hello': hello})

    def retire(self, reason):
        self._tell({'type': 'retire', 'reason': reason})

    def drained(self):
        return self.is_drained

    def finish(self, heard):
        """Joins its threads and runs its atexit functions; `heard(message)` gets what it says meanwhile."""
        self._tell({'type': 'finish'})
        while True:
            for message in self.messages():
                if message['type'] == 'finished':
                    return
                heard(message)

    def messages(self):
        """What the interpreter has said; call it when `outbox` is readable."""
        lines = (self.rest + os.read(self.outbox, 65536)).split(b'\n')
        self.rest = lines.pop()
        return [json.loads(line.decode('ascii')) for line in lines]

    def _tell(self, message):
        os.write(self.inbox, json.dumps(message).encode('ascii') + b'\n')
