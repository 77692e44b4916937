"""`WSGITelemetryService`: what the process has counted, sent as datagrams to a socket of this machine (mod_wsgi 6's form, version 1).

One thread of the main interpreter sends a record per interval, one for each request that is slow (`WSGISlowRequests`), and those of the garbage
collector for each interpreter; start and end of the process have records of their own. Nobody waits for the receiver: what cannot be sent is lost. `encode` and the tables are pure.
"""
import os
import socket
import struct
import sys
import time

from .compat import allocate_lock, start_new_thread
from .metrics import merge, request_metrics_of

REQUEST, SLOW, STARTED, STOPPING, STOPPED, GC_COUNTERS, GC_COLLECTION = 2, 4, 5, 6, 7, 8, 9
U64, F64, BYTES, I32_ARRAY, F64_ARRAY = 1, 2, 4, 5, 6

# Fields by their names in `request_metrics()`; the phases are in the order of their numbers.
PHASES = ('server_time', 'queue_time', 'daemon_time', 'application_time', 'request_time', 'gil_wait_time', 'input_read_time',
          'output_write_time')
SAMPLE = (
    (10, F64, 'sample_period'), (20, U64, 'request_count'), (21, F64, 'request_throughput'), (22, F64, 'capacity_utilization'),
    (30, F64, 'cpu_user_utilization'), (31, F64, 'cpu_system_utilization'), (32, F64, 'cpu_utilization'),
    (40, U64, 'memory_rss'), (41, U64, 'memory_max_rss'), (50, U64, 'request_threads_maximum'),
    (51, U64, 'request_threads_started'), (52, U64, 'request_threads_active'), (100, U64, 'input_bytes'),
    (101, U64, 'input_reads'), (102, U64, 'output_bytes'), (103, U64, 'output_writes'),
    (110, I32_ARRAY, 'request_threads_completed'), (111, F64_ARRAY, 'request_threads_busy_time'),
    (112, F64_ARRAY, 'request_threads_cpu_time'), (113, F64_ARRAY, 'request_threads_current_elapsed'),
    (114, F64_ARRAY, 'request_threads_max_duration'), (120, U64, 'status_1xx'), (121, U64, 'status_2xx'),
    (122, U64, 'status_3xx'), (123, U64, 'status_4xx'), (124, U64, 'status_5xx'))
SLOW_FIELDS = (
    (200, U64, 'state'), (201, F64, 'start'), (202, F64, 'duration'), (203, U64, 'thread_id'), (204, BYTES, 'request_id'),
    (205, U64, 'server_pid'), (210, BYTES, 'method'), (211, BYTES, 'scheme'), (212, BYTES, 'host'), (213, BYTES, 'script_name'),
    (214, BYTES, 'path_info'), (215, BYTES, 'protocol'), (216, BYTES, 'peer'), (217, BYTES, 'user_agent'),
    (220, F64, 'server_time'), (221, F64, 'queue_time'), (222, F64, 'daemon_time'), (223, F64, 'application_time'),
    (224, F64, 'gil_wait_time'), (225, U64, 'gil_wait_count'), (230, U64, 'input_length'), (231, U64, 'input_reads'),
    (232, U64, 'output_length'), (233, U64, 'output_writes'), (234, F64, 'input_time'), (235, F64, 'output_time'),
    (240, U64, 'status'), (250, F64, 'cpu_user_time'), (251, F64, 'cpu_system_time'), (260, U64, 'active_at_start'),
    (261, U64, 'active_at_completion'))
GC_FIELDS = ((320, F64, 'start'), (321, F64, 'duration'), (322, U64, 'generation'), (323, U64, 'collected'), (324, U64, 'uncollectable'))
# Fields of the statistics of each generation, from these numbers on.
GC_STATISTICS = ((306, 'collections'), (309, 'collected'), (312, 'uncollectable'))
# Phases that an embedded interpreter does not have.
DAEMON_PHASES = ('queue_time', 'daemon_time')
TEXT_MAX = 512


def encode(kind, number, when, fields, pid):
    """One datagram. `fields` are triples of number, type and value; None is left out."""
    parts = [b'WSGI', struct.pack('<BBHIId', 1, kind, 0, pid, number & 0xFFFFFFFF, when)]
    for field, form, value in fields:
        if value is None:
            continue
        parts.append(struct.pack('<HB', field, form))
        if form == U64:
            parts.append(struct.pack('<Q', max(int(value), 0)))
        elif form == F64:
            parts.append(struct.pack('<d', value))
        elif form == BYTES:
            data = (value if isinstance(value, bytes) else value.encode('latin-1', 'replace'))[:TEXT_MAX]
            parts.append(struct.pack('<H', len(data)) + data)
        else:
            code = 'i' if form == I32_ARRAY else 'd'
            parts.append(struct.pack('<H%d%s' % (len(value), code), len(value), *value))
    return b''.join(parts)


def sample_fields(found):
    """The fields of `request_metrics()`."""
    fields = [(field, form, found[name]) for field, form, name in SAMPLE]
    for at, name in enumerate(PHASES):
        if found[name] is None:
            continue
        fields.append((60 + at, F64, found[name]))
        for base, end in ((70, '_min_us'), (80, '_max_us')):
            value = found[name + end]
            fields.append((base + at, F64, None if value is None else value / 1000000.0))
        fields.append((90 + at, I32_ARRAY, found[name + '_buckets']))
    return fields


def counter_fields(found):
    """The fields of a garbage collector's counters (collector.py). Newer Pythons have generations that stay empty."""
    fields = [(first + at, U64, value) for first, name in ((300, 'counts'), (303, 'thresholds'))
              for at, value in enumerate(found[name][:3])]
    for at, generation in enumerate((found['stats'] or [])[:3]):
        fields += [(first + at, U64, generation[name]) for first, name in GC_STATISTICS]
    return fields + [(315, U64, found['enabled']), (316, U64, found['frozen']), (317, U64, found['dropped'])]


class Telemetry(object):
    def __init__(self, settings, host):
        given = settings['telemetry']
        self.settings = settings
        self.host = host
        self.path = given['path']
        self.interval = given['interval']
        self.slow = given.get('slow')
        self.embedded = settings['mode'] == 'embedded'
        self.began = time.time()
        self.number = 0
        self.lock = allocate_lock()
        self.reason = ''
        self.is_over = False
        self.counted = 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)

    def start(self):
        self.send(STARTED, self.identity(), self.began)
        start_new_thread(self.run, ())

    def run(self):
        while not self.is_over:
            time.sleep(self.interval)
            self.tick(self.host.questions.ask('gather', reset=True))

    def identity(self):
        switch = getattr(sys, 'getswitchinterval', None)
        return [
            (1, BYTES, '.'.join(str(part) for part in self.settings['server_version'])),
            (2, BYTES, '%d.%d.%d' % sys.version_info[:3]), (3, BYTES, self.settings.get('server_software') or None),
            (4, BYTES, 'wsgi-httpd'), (5, BYTES, socket.gethostname()), (6, BYTES, self.settings['process_group'] or None),
            (7, U64, os.getppid()), (13, F64, switch() if switch else None)]

    def tick(self, parts):
        """Sends what has been counted since the last time."""
        if not parts or self.is_over:
            return
        now = time.time()
        part = merge(parts)
        self.counted += part['requests']
        found = request_metrics_of(part, self.embedded)
        self.send(REQUEST, self.identity() + [(11, F64, self.interval), (12, F64, float(self.slow or 0))]
                  + sample_fields(found), now)
        for record in part['slow']:
            self.send(SLOW, [(field, form, record.get(name)) for field, form, name in SLOW_FIELDS], now)
        for record in part['gc']:
            # The main interpreter has no name.
            interpreter = [(8, BYTES, (record['interpreter'] if len(part['gc']) > 1 else '') or None)]
            self.send(GC_COUNTERS, counter_fields(record) + interpreter, now)
            for event in record['events']:
                self.send(GC_COLLECTION, [(field, form, event[name]) for field, form, name in GC_FIELDS] + interpreter,
                          event['start'] + event['duration'])

    def stopping(self, reason):
        self.reason = reason
        self.send(STOPPING, self.identity()[4:6] + [(130, BYTES, reason), (133, U64, self.host.crew.active())])

    def stopped(self, graceful):
        """The process ends now. The last window is that of the main interpreter; the others are gone by now."""
        if self.is_over:
            return
        self.tick([self.host.part(True)])
        self.is_over = True
        self.send(STOPPED, self.identity()[4:6] + [
            (130, BYTES, self.reason), (131, F64, time.time() - self.began), (132, U64, self.counted),
            (134, U64, self.host.crew.active()), (135, U64, 1 if graceful else 0)])

    def send(self, kind, fields, when=None):
        with self.lock:
            self.number += 1
            data = encode(kind, self.number, time.time() if when is None else when, fields, os.getpid())
            try:
                self.socket.sendto(data, self.path)
            except (OSError, IOError):
                # Nobody listens, or too slowly: the next one may arrive.
                pass
