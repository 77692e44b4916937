"""Metrics of an interpreter's requests and of its process, as `mod_wsgi.request_metrics()` and `process_metrics()` give them (mod_wsgi 6).

Nothing is counted before `start_recording_metrics()`, which counts for all interpreters of the process. Each keeps its own numbers; whoever asks
gathers them (questions.py) and merges them here.
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

    def __init__(self, crew, embedded, slow=None, collector=None):
        self.crew = crew
        self.slow = slow
        self.collector = collector
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
        if self.slow is not None:
            self.slow.finished(request, data)
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

    def part(self, reset):
        """What has been counted, as plain data that merge() takes. `reset`: a new window begins."""
        elapsed = self.elapsed()
        slow = self.slow.take() if reset and self.slow is not None else []
        collected = [self.collector.take()] if reset and self.collector is not None else []
        with self.lock:
            window = self.window
            if reset:
                self.window = Window(len(self.crew.slots))
            return {
                'start': window.start, 'cpu': list(window.cpu), 'requests': window.requests, 'sums': window.sums,
                'phases': dict((name, [phase.count, phase.total, phase.least, phase.most, phase.buckets])
                               for name, phase in window.phases.items()),
                'statuses': window.statuses, 'completed': list(window.completed), 'busy': list(window.busy),
                'cpu_time': list(window.cpu_time), 'longest': list(window.longest), 'current': [running or 0.0 for running in elapsed],
                'running': [0 if running is None else 1 for running in elapsed],
                'slow': slow, 'gc': collected, 'since': self.start, 'all_requests': self.requests, 'all_busy': self.busy,
                'all_completed': list(self.completed),
            }


def merge(parts):
    """One part out of those of all interpreters of a process. A slot stands for the threads of that number in all of them."""
    def each(name, how):
        return [how(values) for values in zip(*[part[name] for part in parts])]

    def least(values, how):
        known = [value for value in values if value is not None]
        return how(known) if known else None
    first = min(parts, key=lambda part: part['start'])
    merged = dict((name, sum(part[name] for part in parts)) for name in ('requests', 'all_requests', 'all_busy'))
    merged.update((name, each(name, sum)) for name in
                  ('statuses', 'completed', 'busy', 'cpu_time', 'running', 'all_completed'))
    merged.update((name, each(name, max)) for name in ('longest', 'current'))
    merged.update(start=first['start'], cpu=first['cpu'], since=min(part['since'] for part in parts),
                  sums=dict((name, sum(part['sums'][name] for part in parts)) for name in first['sums']), phases={},
                  slow=[record for part in parts for record in part['slow']],
                  gc=[record for part in parts for record in part['gc']],
                  current_sum=sum(sum(part['current']) for part in parts))
    for name in first['phases']:
        several = [part['phases'][name] for part in parts]
        merged['phases'][name] = [
            sum(phase[0] for phase in several), sum(phase[1] for phase in several),
            least([phase[2] for phase in several], min), least([phase[3] for phase in several], max),
            [sum(counts) for counts in zip(*[phase[4] for phase in several])]]
    return merged


def micros(seconds):
    return None if seconds is None else int(seconds * 1000000)


def request_metrics_of(part, embedded):
    """`mod_wsgi.request_metrics()` of what a process has counted since it was last asked."""
    stop, cpu_now = time.time(), process_times()
    period = max(stop - part['start'], 1e-6)
    busy = [done + min(running, period) for done, running in zip(part['busy'], part['current'])]
    threads = len(busy)
    found = {
        'pid': os.getpid(), 'start_time': part['start'], 'stop_time': stop, 'sample_period': period,
        'request_count': part['requests'], 'request_throughput': part['requests'] / period,
        'request_threads_maximum': threads,
        'request_threads_started': sum(1 for both in zip(part['all_completed'], part['running']) if any(both)),
        'request_threads_active': sum(1 for both in zip(part['completed'], part['running']) if any(both)),
        'capacity_utilization': min(sum(busy) / (period * threads), 1.0) if threads else 0.0,
        'request_threads_completed': part['completed'], 'request_threads_buckets': part['completed'],
        'request_threads_busy_time': busy, 'request_threads_cpu_time': part['cpu_time'],
        'request_threads_current_elapsed': part['current'], 'request_threads_max_duration': part['longest'],
        'gil_wait_count': 0,
    }
    for name, (count, total, least, most, buckets) in part['phases'].items():
        found[name] = total / count if count else 0.0
        found[name + '_min_us'] = micros(least)
        found[name + '_max_us'] = micros(most)
        found[name + '_buckets'] = buckets
    if embedded:
        for name in DAEMON_PHASES:
            found[name] = None
    found.update(part['sums'])
    found.update(('status_%dxx' % (hundreds + 1), count) for hundreds, count in enumerate(part['statuses']))
    user, system = [(now - then) / period for now, then in zip(cpu_now, part['cpu'])]
    for name, rate in (('user_', user), ('system_', system), ('', user + system)):
        # Current mod_wsgi has both names for the same rates.
        found['cpu_%sutilization' % name] = found['cpu_%stime' % name] = rate
    found['memory_rss'], found['memory_max_rss'] = memory_bytes()
    return found


def process_metrics_of(part):
    """`mod_wsgi.process_metrics()`: since recording began."""
    user, system = process_times()
    now = time.time()
    rss, most = memory_bytes()
    return {
        'pid': os.getpid(), 'restart_time': part['since'], 'current_time': now,
        'running_time': int(now - part['since']), 'request_count': part['all_requests'],
        'request_busy_time': part['all_busy'] + part['current_sum'],
        'request_threads': len(part['running']), 'active_requests': sum(part['running']),
        'cpu_user_time': user, 'cpu_system_time': system, 'cpu_time': user + system,
        'memory_rss': rss, 'memory_max_rss': most,
        'threads': [{'thread_id': number + 1, 'request_count': count}
                    for number, count in enumerate(part['all_completed'])],
    }
