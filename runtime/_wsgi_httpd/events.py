"""Events of requests and processes for whoever subscribed through the module `mod_wsgi` (mod_wsgi 6).

Until somebody subscribes or records metrics, requests run without any of this: `Crew.execute` is then `run` of request.py. From then on it is
`Events.execute`, which gives `run` a crew whose scripts announce the application, and requests and inputs that count.
"""
import sys
import time
import traceback

from . import wire
from .collector import Collector
from .compat import monotonic
from .input import Input
from .metrics import Recorder
from .modules import RequestTimeout
from .request import Request, run
from .slow import SlowRequests
from .system import thread_times

# What applications are told of why a process ends; orders of the server are signals to them.
REASONS = frozenset((
    'shutdown_signal', 'graceful_signal', 'eviction_signal', 'maximum_requests', 'restart_interval', 'inactivity_timeout',
    'request_timeout', 'startup_timeout', 'deadlock_timeout', 'cpu_time_limit', 'script_reload',
    'resident_memory_limit'))


class Events(object):
    """The subscribers of one interpreter, and what makes its requests known to them."""

    def __init__(self, crew, embedded):
        self.crew = crew
        self.embedded = embedded
        self.event_callbacks = []
        self.shutdown_callbacks = []
        self.signal_callbacks = []
        # Called with each finished request, after its subscribers; see metrics.py.
        self.recorder = None
        # Where slow requests are looked for; see slow.py.
        self.slow = None
        self.announced = Announced(self)

    # -- what applications call ------------------------------------------------------------------------------------

    def subscribe_events(self, callback):
        self.event_callbacks.append(callback)
        self.watch()
        return callback

    def subscribe_shutdown(self, callback):
        self.shutdown_callbacks.append(callback)
        return callback

    def subscribe_signals(self, callback):
        if self.embedded:
            # The signals of a server process are the server's.
            log = self.crew.streams.process_line
            log('subscribe_signals() has no effect in embedded mode; called from:', 'info')
            for line in ''.join(traceback.format_stack()[:-1]).rstrip('\n').split('\n'):
                log(line, 'info')
        else:
            self.signal_callbacks.append(callback)
        return callback

    def record(self):
        """`start_recording_metrics()` was called, here or in another interpreter of the process."""
        if self.recorder is None:
            given = self.crew.settings.get('telemetry')
            if given and given.get('slow') is not None:
                self.slow = SlowRequests(self.crew, given, self.embedded)
            collector = Collector(self.crew.group) if given else None
            self.recorder = Recorder(self.crew, self.embedded, self.slow, collector)
            self.watch()

    def watch(self):
        """From the next request on, requests are watched."""
        self.crew.execute = self.execute

    # -- publishing ------------------------------------------------------------------------------------------------

    def publish(self, callbacks, name, data):
        """Calls the subscribers in order. What one returns as a dictionary, the next ones find in the data."""
        for callback in list(callbacks):
            try:
                found = callback(name, **data)
                if isinstance(found, dict):
                    data.update(found)
            except RequestTimeout:
                # Meant for the request, whose turn this is.
                raise
            except SystemExit:
                self.explain('WSGI0190: SystemExit exception raised by event callback ignored.')
            except:  # noqa: E722: a KeyboardInterrupt must not end the thread either
                self.explain('WSGI0112: Exception occurred within event callback.')

    def explain(self, headline):
        request = self.crew.streams.request()
        for line in [headline] + traceback.format_exc().rstrip('\n').split('\n'):
            if request is not None:
                request.log(wire.L_ERROR, line)
            else:
                self.crew.streams.process_line(line, 'error')

    def stopping(self, reason):
        """The process begins to end; its interpreters are still whole."""
        self.publish(self.event_callbacks + self.shutdown_callbacks, 'process_stopping',
                     {'shutdown_reason': '' if self.embedded else reason if reason in REASONS else 'shutdown_signal'})

    def signal(self, number, name):
        self.publish(self.signal_callbacks, 'process_signal', {'signum': number, 'signame': name})

    # -- requests --------------------------------------------------------------------------------------------------

    def execute(self, crew, slot, request, began):
        """Stands for `run` of request.py."""
        request.__class__ = WatchedRequest
        request.events = self
        try:
            run(self.announced, slot, request, began)
        finally:
            if request.started_at is not None:
                request.tell_finished()


class Announced(object):
    """The crew as `run` sees it: its scripts announce the application before it is called."""

    def __init__(self, events):
        self.events = events
        self.scripts = self

    def __getattr__(self, name):
        return getattr(self.events.crew, name)

    def application(self, place, environ, request):
        application = self.events.crew.scripts.application(place, environ, request)
        # Hooks and imports are no requests.
        return application if place.adapter is not None else request.tell_started(application, environ)


class WatchedRequest(Request):
    """A request that counts what passes, and tells."""
    events = None
    started_at = None
    usage = None
    facts = None
    about = None
    writes = 0
    write_time = 0.0
    pours = False

    def environ(self, slot, began, now):
        made = Request.environ(self, slot, began, now)
        self.input.__class__ = CountedInput
        return made

    def misses_events(self):
        return False

    def tell(self, name, data):
        if self.scratch is None:
            self.scratch = {}
        data['request_data'] = self.scratch
        self.events.publish(self.events.event_callbacks, name, data)

    def tell_started(self, application, environ):
        self.started_at = monotonic()
        self.usage = thread_times()
        self.facts = {
            'request_id': environ['mod_wsgi.request_id'],
            'thread_id': environ['mod_wsgi.thread_id'],
            'server_pid': int(environ['mod_wsgi.server_pid']),
            'request_start': environ['mod_wsgi.request_start'],
            'queue_start': environ['mod_wsgi.queue_start'],
            'daemon_start': environ['mod_wsgi.daemon_start'],
            'application_start': environ['mod_wsgi.application_start'],
        }
        if self.events.slow is not None:
            self.events.slow.began(self, environ)
        data = dict(self.facts, application_object=application, callable_object=self.place.callable,
                    request_environ=environ,
                    daemon_connects=int(environ.get('mod_wsgi.daemon_connects', 0 if self.events.embedded else 1)),
                    daemon_restarts=int(environ.get('mod_wsgi.daemon_restarts', 0)))
        self.tell('request_started', data)
        return data['application_object']

    def start_response(self, status, headers, exc_info=None):
        if self.facts is None:
            # A hook's answer: nobody was told of a request.
            return Request.start_response(self, status, headers, exc_info)
        try:
            self.tell('response_started', {
                'request_id': self.facts['request_id'], 'response_status': status, 'response_headers': headers,
                'exception_info': exc_info})
            return Request.start_response(self, status, headers, exc_info)
        finally:
            exc_info = None

    def log_exception(self, leave_out=1):
        Request.log_exception(self, leave_out)
        if self.facts is not None:
            self.tell('request_exception', {
                'request_id': self.facts['request_id'], 'exception_info': sys.exc_info()})

    def emit(self, data):
        self.timed(Request.emit, data)

    def answer(self, body):
        if body:
            self.timed(Request.answer, body)
        else:
            Request.answer(self, body)

    def send_file(self, file):
        before, self.writes = self.writes, 0
        sent = self.timed(Request.send_file, file)
        # It may have come down to one of the others, which counted.
        self.writes = before + (1 if sent else 0)
        return sent

    def timed(self, method, what):
        began = monotonic()
        try:
            return method(self, what)
        finally:
            self.writes += 1
            self.write_time += monotonic() - began

    def tell_finished(self):
        ended = monotonic()
        user, system = [now - then for now, then in zip(thread_times(), self.usage)]
        stream = self.input
        data = dict(self.facts, application_finish=time.time(), application_time=ended - self.started_at,
                    input_reads=stream.reads, input_length=stream.length, input_time=stream.seconds,
                    output_writes=self.writes, output_length=self.produced, output_time=self.write_time,
                    status=self.code or 500, cpu_user_time=user, cpu_system_time=system, cpu_time=user + system,
                    gil_wait_time=0.0, gil_wait_count=0)
        self.tell('request_finished', data)
        recorder = self.events.recorder
        if recorder is not None:
            recorder.finished(self, data)


class CountedInput(Input):
    reads = 0
    length = 0
    seconds = 0.0

    def read(self, size=-1):
        return self.counted(Input.read, size)

    def readline(self, size=-1):
        return self.counted(Input.readline, size)

    def counted(self, method, size):
        began = monotonic()
        try:
            data = method(self, size)
            self.length += len(data)
            return data
        finally:
            self.reads += 1
            self.seconds += monotonic() - began


CountedInput.__name__ = 'Input'
