"""The timers of one interpreter: startup-timeout, request-timeout with interrupt-timeout, and what inactivity-timeout needs; and
resident-memory-limit, which the main interpreter watches for the process.

One thread per interpreter looks around a few times within the shortest limit. It exists only where such an option is set, and
takes what it needs from what the pool notes anyway, so that requests pay nothing. What it finds goes to the main
interpreter (`notify`), which decides for the process.
"""
import math
import sys
import time
import traceback

from .compat import PY2, get_ident, monotonic, start_new_thread
from .system import resident_bytes

LOOK_MIN_SECONDS = 0.05
LOOK_MAX_SECONDS = 1.0
# Whatever the limits of time are: the kernel has to be asked.
LOOK_AT_MEMORY_SECONDS = 1.0


def needed(settings):
    return any(settings.get(name) for name in ('startup_timeout', 'request_timeout', 'inactivity_timeout', 'resident_memory_limit'))


def request_limit(settings):
    """Seconds after which a request counts as stuck (mod_wsgi's rule: the more threads, the later), or None."""
    base = settings.get('request_timeout')
    return base * (1 + math.log(max(settings['threads'], 1))) if base else None


class Watch(object):
    def __init__(self, settings, host):
        self.crew = host.crew
        self.streams = host.streams
        self.notify = host.notify
        self.scripts = host.crew.scripts
        self.startup = settings.get('startup_timeout') or None
        self.inactivity = settings.get('inactivity_timeout') or None
        self.limit = request_limit(settings)
        self.interrupt = settings.get('interrupt_timeout') or 0
        self.resident = settings.get('resident_memory_limit') or None
        self.memory_looked_at = 0.0
        limits = [value for value in (self.startup, self.inactivity, self.limit, self.interrupt) if value]
        self.period = min([LOOK_MAX_SECONDS] + [max(value / 10.0, LOOK_MIN_SECONDS) for value in limits])
        # slot -> [the request seen there, since when, whether it has been interrupted]
        self.seen = {}
        self.expired = set()
        if PY2 and self.interrupt:
            # Python 2 delivers the exception at its next check only, by which time the thread may be in our own code.
            sys.setcheckinterval(0)
        start_new_thread(self.run, ())

    def run(self):
        while True:
            time.sleep(self.period)
            now = monotonic()
            try:
                if self.startup is not None:
                    self.look_at_start(now)
                if self.limit is not None:
                    self.look_at_requests(now)
                if self.inactivity is not None:
                    self.look_for_activity(now)
                if self.resident is not None and now - self.memory_looked_at >= LOOK_AT_MEMORY_SECONDS:
                    self.memory_looked_at = now
                    self.look_at_memory()
            except Exception:
                for line in traceback.format_exc().rstrip('\n').split('\n'):
                    self.streams.process_line(line)

    def expire(self, reason):
        if reason not in self.expired:
            self.expired.add(reason)
            self.notify({'type': 'expired', 'reason': reason})

    def look_at_start(self, now):
        """The clock starts when a request first needs a script, and stops when one has been loaded."""
        scripts = self.scripts
        if scripts.succeeded or scripts.first_attempt is None:
            return
        if now - scripts.first_attempt >= self.startup:
            self.expire('startup_timeout')

    def look_at_memory(self):
        """Says so each time: the parent decides when the process is replaced, and forgets what it cannot do at once."""
        found = resident_bytes()
        if found is None:
            self.resident = None
            self.streams.process_line('resident-memory-limit has no effect: /proc/self/statm cannot be read here.', 'warn')
        elif found > self.resident:
            self.notify({'type': 'resident_memory', 'bytes': found})

    def look_for_activity(self, now):
        last = self.crew.last_activity
        if any(slot.request is not None and not slot.request.place.ignore_activity for slot in self.crew.slots):
            last = now
        if last:
            self.notify({'type': 'activity', 'at': last})

    def look_at_requests(self, now):
        for slot in self.crew.slots:
            request = slot.request
            known = self.seen.get(slot)
            if request is None:
                self.seen.pop(slot, None)
                continue
            if known is None or known[0] is not request:
                known = self.seen[slot] = [request, now, False]
            late = now - known[1] - self.limit
            if late < 0 or request.stale:
                continue
            if self.interrupt and late < self.interrupt:
                if not known[2]:
                    known[2] = self.inject(slot, request)
            else:
                request.stale = True
                self.dump()
                self.expire('request_timeout')

    def inject(self, slot, request):
        """Raises RequestTimeout in the application of a request. False: not now, its thread is in the server's own code.

        Such an exception would break our own data. In the application's code it is raised before that can call us again.
        """
        frame = sys._current_frames().get(slot.ident)
        if frame is None or slot.request is not request or is_ours(frame):
            return False
        frame = None
        try:
            import ctypes
        except ImportError:
            return True
        exception = sys.modules['mod_wsgi'].RequestTimeout
        number = ctypes.c_long(slot.ident) if sys.version_info < (3, 7) else ctypes.c_ulong(slot.ident)
        if slot.request is not request:
            return False
        ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(exception))
        self.streams.process_line('Injected RequestTimeout into thread %d, which has run a request for longer than request-timeout.'
                                  % slot.number, 'warn')
        return True

    def dump(self):
        """The stacks of all threads of this interpreter, for whoever wants to know where a request is stuck."""
        say = self.streams.process_line
        say('Dumping stack trace for active Python threads.', 'warn')
        me = get_ident()
        numbers = dict((slot.ident, slot) for slot in self.crew.slots)
        for ident, frame in sys._current_frames().items():
            slot = numbers.get(ident)
            request = slot.request if slot is not None else None
            if ident == me or request is None:
                continue
            stale = ', request-timeout exceeded' if request.stale else ''
            say('Thread %d executing file "%s", %s%s' % (slot.number, request.place.script, request.describe(), stale), 'warn')
            for text in traceback.format_stack(frame):
                for line in text.rstrip('\n').split('\n'):
                    say(line, 'warn')


def is_ours(frame):
    """Whether the innermost call is the server's own, with the exception of the loop that takes a response from a generator."""
    name = frame.f_globals.get('__name__') or ''
    return name.startswith('_wsgi_httpd')
