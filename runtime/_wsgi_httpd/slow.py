"""Requests that take longer than `WSGISlowRequests`: plain data for telemetry.py, of those that still run and of those that have ended since."""
import collections

from .compat import monotonic

# That ended between two looks.
ENDED_MAX = 64
# That still run, in one look.
RUNNING_MAX = 16

ABOUT = (('method', 'REQUEST_METHOD'), ('scheme', 'wsgi.url_scheme'), ('host', 'HTTP_HOST'), ('script_name', 'SCRIPT_NAME'),
         ('path_info', 'PATH_INFO'), ('protocol', 'SERVER_PROTOCOL'), ('peer', 'REMOTE_ADDR'))


class SlowRequests(object):
    """Those of one interpreter."""

    def __init__(self, crew, given, embedded):
        self.crew = crew
        self.seconds = given['slow']
        self.keys = ABOUT + ((('user_agent', 'HTTP_USER_AGENT'),) if given.get('user_agent') else ())
        self.embedded = embedded
        self.ended = collections.deque(maxlen=ENDED_MAX)

    def began(self, request, environ):
        """What is known of it before the application can change its environ."""
        request.about = dict((name, environ[key]) for name, key in self.keys if key in environ)
        request.about['active_at_start'] = self.crew.active()

    def finished(self, request, data):
        if data['application_time'] < self.seconds or request.about is None:
            return
        record = self.record(request, 1, data['application_time'])
        record.update((name, data[name]) for name in (
            'input_length', 'input_reads', 'output_length', 'output_writes', 'input_time', 'output_time', 'status',
            'cpu_user_time', 'cpu_system_time'))
        record['active_at_completion'] = self.crew.active()
        self.ended.append(record)

    def take(self):
        """All records since the last look."""
        found = []
        while self.ended:
            found.append(self.ended.popleft())
        now = monotonic()
        running = [slot.request for slot in self.crew.slots]
        for request in running:
            started = getattr(request, 'started_at', None)
            if started is None or request.about is None or now - started < self.seconds:
                continue
            found.append(self.record(request, 0, now - started))
            if len(found) >= ENDED_MAX + RUNNING_MAX:
                break
        return found

    def record(self, request, state, seconds):
        facts = request.facts
        start = facts['application_start']
        record = dict.fromkeys((
            'queue_time', 'daemon_time', 'gil_wait_time', 'input_time', 'output_time', 'cpu_user_time', 'cpu_system_time'), 0.0)
        record.update(dict.fromkeys((
            'gil_wait_count', 'input_length', 'input_reads', 'output_length', 'output_writes', 'status',
            'active_at_completion'), 0))
        record.update(request.about)
        record.update(
            state=state, start=start, duration=seconds, application_time=seconds, thread_id=facts['thread_id'],
            request_id=facts['request_id'], server_pid=facts['server_pid'],
            server_time=max((start if self.embedded else facts['queue_start']) - facts['request_start'], 0.0))
        if not self.embedded:
            record.update(queue_time=max(facts['daemon_start'] - facts['queue_start'], 0.0),
                          daemon_time=max(start - facts['daemon_start'], 0.0))
        return record
