"""Sub-interpreters, made from Python itself: `_interpreters` (3.13 and later), `_xxsubinterpreters` (3.8 to 3.12)."""
import json
import os
import sys

from .compat import allocate_lock

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

# The same where the runtime came as one text (`chroot=`, see bundle.py).
_START_BUNDLED = '''
import json
exec(json.loads({bundle!r})['bundle'])
install({bundle!r})
import _wsgi_httpd.guest
_wsgi_httpd.guest.start({text!r})
'''


class CannotMake(RuntimeError):
    """There is no such interpreter and there will be none: `status` is for the requests that wanted it."""

    def __init__(self, text, status=500):
        RuntimeError.__init__(self, text)
        self.status = status


def _create(own_gil):
    """An interpreter. One that shares the GIL is as in the originals: threads and all extension modules work in it.

    One with a GIL of its own refuses extension modules that are not made for it, and daemon threads.
    """
    if own_gil and sys.version_info >= (3, 13):
        return _api.create(_api.new_config('isolated', allow_fork=True, allow_exec=True))
    if own_gil:
        return _api.create(isolated=True)
    if sys.version_info >= (3, 13):
        return _api.create('legacy')
    if sys.version_info >= (3, 9):
        return _api.create(isolated=False)
    return _api.create()


def bundled():
    """The text that the runtime was imported from, None where it came from files."""
    return getattr(globals().get('__loader__'), 'text', None)


def _run(number, source):
    """Runs source text in an interpreter. Raises RuntimeError with the reason where it raises."""
    try:
        failed = _api.run_string(number, source)
    except Exception as error:
        raise RuntimeError(str(error))
    if failed is not None:
        raise RuntimeError(getattr(failed, 'formatted', None) or str(failed))


def make(own_gil, home, text):
    """An interpreter with a guest in it, who is told `text`. Raises CannotMake, and leaves no interpreter behind then."""
    try:
        number = _create(own_gil)
    except Exception as error:
        raise CannotMake(str(error) or type(error).__name__)
    bundle = bundled()
    try:
        _run(number, _START.format(home=home, text=text) if bundle is None
             else _START_BUNDLED.format(bundle=bundle, text=text))
    except RuntimeError as error:
        _api.destroy(number)
        raise CannotMake(str(error))
    return number


def open_pipe(opened):
    """A pipe, whose descriptors are added to those `opened`."""
    pair = os.pipe()
    opened.extend(pair)
    return pair


class Guest(object):
    """The main interpreter's handle on a sub-interpreter."""

    def __init__(self, settings, group, progress_fd, gate, home, preload):
        self.group = group
        self.rest = b''
        self.lock = allocate_lock()
        self.is_drained = False
        # Requests that have run for longer than request-timeout when all others were done.
        self.stuck = 0
        self.has_own_gil = bool(settings.get('own_gil'))
        # Signs of life of an interpreter whose GIL is its own, see Process.beat().
        self.beats = None
        self.silent = 0
        opened = []
        try:
            inbox, self.inbox = open_pipe(opened)
            self.outbox, outbox = open_pipe(opened)
            beats = None
            if settings.get('own_gil') and settings.get('heartbeat'):
                self.beats, beats = open_pipe(opened)
                os.set_blocking(self.beats, False)
            # The handle keeps the interpreter alive, so it is kept as long as the process lives.
            self.number = make(settings.get('own_gil'), home, json.dumps({
                'settings': settings, 'group': group, 'progress': progress_fd, 'inbox': inbox, 'preload': preload,
                'outbox': outbox, 'gate': gate, 'beats': beats}))
        except Exception:
            # Each further request would leave more of them behind.
            for fd in opened:
                os.close(fd)
            raise

    def is_silent(self):
        """Whether Python code has not been able to run there since the last time this was asked."""
        if self.beats is None:
            return False
        try:
            return not os.read(self.beats, 64)
        except BlockingIOError:
            return True

    def connected(self, sock, hello):
        self._tell({'type': 'connected', 'fd': sock.detach(), 'hello': hello})

    def retire(self, reason, why):
        self._tell({'type': 'retire', 'reason': reason, 'why': why})

    def signal(self, number):
        self._tell({'type': 'signal', 'number': number})

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

    def tell(self, message):
        self._tell(message)

    def _tell(self, message):
        data = json.dumps(message).encode('ascii') + b'\n'
        with self.lock:
            while data:
                data = data[os.write(self.inbox, data):]
