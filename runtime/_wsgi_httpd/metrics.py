"""Metrics of an interpreter's requests and of its process, as `mod_wsgi.request_metrics()` and `process_metrics()` give them (mod_wsgi 6).

Nothing is counted before `start_recording_metrics()`. What concerns requests is of this interpreter alone; CPU time and memory are the process's.
"""
import os
import time

from .compat import allocate_lock, monotonic
from .system import memory_bytes, process_times

# Each phase with the name of its mean. The others of a phase are `<phase>_min_us`, `<phase>_max_us`, `<phase>_buckets`.
PHASES = ('server_time', 'queue_time', 'daemon_time', 'application_time', 'request_time', 'input_read_time',
          'output_write_time', 'gil_wait_time')
# There is no queue in front of an embedded interpreter.
DAEMON_PHASES = ('queue_time', 'daemon_time')
BUCKETS = 65


def bucket_of(seconds):
    """0 to 63: sixteen octaves from 1 ms on, of four equal parts each, shorter times in the first; 64: longer than 65.536 s."""
    octave, upper = 0, 0.002
    while seconds >= upper:
        octave, upper = octave + 1, upper * 2
        if octave == 16:
            return 64
    lower = upper / 2
    return octave * 4 + max(int((seconds - lower) / lower * 4), 0)


class Phase(object):
    """The durations of one phase in a window."""

    def __init__(self):
        self.count = 0
        self.total = 0.0
        self.least = self.most = None
        self.buckets = [0] * BUCKETS

    def add(self, seconds):
        seconds = max(seconds, 0.0)
        self.count += 1
        self.total += seconds
        self.least = seconds if self.least is None else min(self.least, seconds)
        self.most = seconds if self.most is None else max(self.most, seconds)
        self.buckets[bucket_of(seconds)] += 1

    def into(self, found, name):
        def micros(seconds):
            return None if seconds is None else int(seconds * 1000000)
        found[name] = self.total / self.count if self.count else 0.0
        found[name + '_min_us'] = micros(self.least)
        found[name + '_max_us'] = micros(self.most)
        found[name + '_buckets'] = self.buckets


class Window(object):
    """What has been counted since the last call of `request_metrics()`."""

    def __init__(self, threads):
        self.start = time.time()
        self.cpu = process_times()
        self.requests = 0
        self.phases = dict((name, Phase()) for name in PHASES)
        self.sums = dict.fromkeys(('input_bytes', 'input_reads', 'output_bytes', 'output_writes'), 0)
        self.statuses = [0] * 5
        self.completed = [0] * threads
        self.busy = [0.0] * threads
        self.cpu_time = [0.0] * threads
        self.longest = [0.0] * threads


class Recorder(object):
    """Recording is on from the first of these on."""

    def __init__(self, crew, embedded):
        self.crew = crew
        self.embedded = embedded
        self.lock = allocate_lock()
        self.start = time.time()
        self.window = Window(len(crew.slots))
        self.requests = 0
        self.busy = 0.0
        self.completed = [0] * len(crew.slots)

    def finished(self, request, data):
        """Counts a request; `data` is that of its event `request_finished`."""
        began, took = data['application_start'], data['application_time']
        received = data['request_start']
        durations = {
            'application_time': took, 'request_time': began + took - received, 'gil_wait_time': 0.0,
            'input_read_time': data['input_time'], 'output_write_time': data['output_time'],
            'server_time': (began if self.embedded else data['queue_start']) - received,
            'queue_time': data['daemon_start'] - data['queue_start'], 'daemon_time': began - data['daemon_start'],
        }
        slot = data['thread_id'] - 1
        with self.lock:
            window = self.window
            self.requests += 1
            self.busy += took
            self.completed[slot] += 1
            window.requests += 1
            for name, phase in window.phases.items():
                phase.add(durations[name])
            for name, value in (('input_bytes', data['input_length']), ('input_reads', data['input_reads']),
                                ('output_bytes', data['output_length']), ('output_writes', data['output_writes'])):
                window.sums[name] += value
            window.statuses[min(max(data['status'] // 100, 1), 5) - 1] += 1
            window.completed[slot] += 1
            # What ran before the window began is not of this window.
            window.busy[slot] += min(took, time.time() - window.start)
            window.cpu_time[slot] += data['cpu_time']
            window.longest[slot] = max(window.longest[slot], took)

    def elapsed(self):
        """Seconds that each thread has been in its current request; None where it is idle."""
        now = monotonic()
        found = []
        for slot in self.crew.slots:
            started = getattr(slot.request, 'started_at', None)
            found.append(None if started is None else max(now - started, 0.0))
        return found

    def request_metrics(self):
        with self.lock:
            window, self.window = self.window, Window(len(self.crew.slots))
        stop = self.window.start
        period = max(stop - window.start, 1e-6)
        current = self.elapsed()
        busy = [done + min(running or 0.0, period) for done, running in zip(window.busy, current)]
        threads = len(self.crew.slots)
        found = {
            'pid': os.getpid(), 'start_time': window.start, 'stop_time': stop, 'sample_period': period,
            'request_count': window.requests, 'request_throughput': window.requests / period,
            'request_threads_maximum': threads,
            'request_threads_started': sum(1 for done, running in zip(self.completed, current) if done or running is not None),
            'request_threads_active': sum(1 for done, running in zip(window.completed, current) if done or running is not None),
            'capacity_utilization': min(sum(busy) / (period * threads), 1.0) if threads else 0.0,
            'request_threads_completed': window.completed, 'request_threads_buckets': window.completed,
            'request_threads_busy_time': busy, 'request_threads_cpu_time': window.cpu_time,
            'request_threads_current_elapsed': [running or 0.0 for running in current],
            'request_threads_max_duration': window.longest,
            'gil_wait_count': 0,
        }
        for name, phase in window.phases.items():
            phase.into(found, name)
        if self.embedded:
            for name in DAEMON_PHASES:
                found[name] = None
        found.update(window.sums)
        found.update(('status_%dxx' % (hundreds + 1), count) for hundreds, count in enumerate(window.statuses))
        user, system = [(now - then) / period for now, then in zip(self.window.cpu, window.cpu)]
        for name, rate in (('user_', user), ('system_', system), ('', user + system)):
            # Current mod_wsgi has both names for the same rates.
            found['cpu_%sutilization' % name] = found['cpu_%stime' % name] = rate
        found['memory_rss'], found['memory_max_rss'] = memory_bytes()
        return found

    def process_metrics(self):
        user, system = process_times()
        now = time.time()
        current = self.elapsed()
        rss, most = memory_bytes()
        with self.lock:
            return {
                'pid': os.getpid(), 'restart_time': self.start, 'current_time': now,
                'running_time': int(now - self.start), 'request_count': self.requests,
                'request_busy_time': self.busy + sum(running or 0.0 for running in current),
                'request_threads': len(self.crew.slots),
                'active_requests': sum(1 for running in current if running is not None),
                'cpu_user_time': user, 'cpu_system_time': system, 'cpu_time': user + system,
                'memory_rss': rss, 'memory_max_rss': most,
                'threads': [{'thread_id': number + 1, 'request_count': count}
                            for number, count in enumerate(self.completed)],
            }
