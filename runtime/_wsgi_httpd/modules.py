"""The modules `mod_wsgi` and `apache`, which applications may import in every interpreter."""
import logging
import sys
import types
try:
    from collections.abc import Mapping
except ImportError:
    from collections import Mapping

from . import wire
from .compat import native
from .filewrapper import FileWrapper
from .metrics import merge, process_metrics_of, request_metrics_of
from .scoreboard import server_metrics as scoreboard_of

# Python has no level of its own for what is worth knowing and nothing to worry about.
NOTICE = 25
LEVELS = ((logging.CRITICAL, wire.L_CRIT), (logging.ERROR, wire.L_ERROR), (logging.WARNING, wire.L_WARN),
          (NOTICE, wire.L_NOTICE), (logging.INFO, wire.L_INFO))


class RequestTimeout(BaseException):
    """Raised inside a request that runs for too long. Not an Exception, so that handlers for errors let it pass."""


def install(settings, group, streams, handle):
    """Makes both modules importable. A package of the same name, where there is one, is extended instead."""
    version = tuple(settings['server_version'])

    class LogHandler(logging.Handler):
        """Logs records at their own level, in the request they belong to."""

        def emit(self, record):
            try:
                level = next((level for least, level in LEVELS if record.levelno >= least), wire.L_DEBUG)
                request = streams.request()
                for line in self.format(record).split('\n'):
                    if request is not None:
                        request.log(level, line)
                    else:
                        streams.process_line(line, wire.LEVEL_NAMES[level])
            except Exception:
                self.handleError(record)

    def request_data():
        """A dictionary that lives as long as the current request."""
        request = streams.request()
        if request is None:
            raise RuntimeError('no active request for current thread')
        return scratch_of(request)

    for cls in (FileWrapper, LogHandler, RequestTimeout):
        cls.__module__ = 'mod_wsgi'
    common = {
        'version': version,
        'maximum_processes': settings['processes'],
        'threads_per_process': settings['threads'],
    }
    _extend('mod_wsgi', dict(
        common, process_group=settings['process_group'], application_group=group, FileWrapper=FileWrapper,
        RequestTimeout=RequestTimeout, LogHandler=LogHandler, request_data=request_data,
        Restricted=handle['Restricted']))
    _extend('apache', dict(
        common, description=settings.get('server_software', ''), mpm_name='wsgi-httpd', build_date=''))


def offer_events(events, questions, allowed, exported):
    """Adds to `mod_wsgi` what watches requests and processes. `allowed`: the server may be asked what it is doing. `exported`:
    what is counted goes to `WSGITelemetryService`, and to nobody else.
    """
    def start_recording_metrics():
        if not exported and events.recorder is None:
            events.record()
            questions.notify({'type': 'record'})

    def recorded(reset):
        # What the whole process has counted; of this interpreter alone while nobody could read the others' answers.
        return merge(questions.ask('gather', reset=reset) or [events.recorder.part(reset)])

    def request_metrics():
        return None if exported or events.recorder is None else request_metrics_of(recorded(True), events.embedded)

    def process_metrics():
        return None if exported or events.recorder is None else process_metrics_of(recorded(False))

    def server_metrics():
        return scoreboard_of(questions.ask('server_metrics')) if allowed else None

    _extend('mod_wsgi', {
        'event_callbacks': events.event_callbacks, 'shutdown_callbacks': events.shutdown_callbacks,
        'signal_callbacks': events.signal_callbacks, 'subscribe_events': events.subscribe_events,
        'subscribe_shutdown': events.subscribe_shutdown, 'subscribe_signals': events.subscribe_signals,
        'active_requests': ActiveRequests(events.crew), 'start_recording_metrics': start_recording_metrics,
        'request_metrics': request_metrics, 'process_metrics': process_metrics, 'server_metrics': server_metrics,
    })


class ActiveRequests(Mapping):
    """The requests in progress in this interpreter: their request_data() by their id. Looked up when asked for, so it costs requests nothing."""

    def __init__(self, crew):
        self._crew = crew

    def _now(self):
        running = [slot.request for slot in self._crew.slots]
        return dict((request_id(request), scratch_of(request)) for request in running if request is not None)

    def __getitem__(self, key):
        return self._now()[key]

    def __iter__(self):
        return iter(self._now())

    def __len__(self):
        return len(self._now())

    def __repr__(self):
        return repr(self._now())


def request_id(request):
    return native(request.text.split(b'\0')[wire.FIXED_KEYS.index('mod_wsgi.request_id')])


def scratch_of(request):
    if request.scratch is None:
        request.scratch = {}
    return request.scratch


def _extend(name, attributes):
    try:
        module = __import__(name)
    except Exception:
        module = sys.modules[name] = types.ModuleType(name)
    module.__dict__.update(attributes)
