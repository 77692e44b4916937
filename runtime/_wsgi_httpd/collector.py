"""What Python's garbage collector does in one interpreter, for `WSGITelemetryService`: its counters at each interval, and each collection.

Exists only where telemetry is sent. Collections are known from Python 3.3 on, counters of generations from 3.4 on.
"""
import collections
import gc
import time

from .compat import monotonic

EVENTS_MAX = 256
# Records in an interval; what is left waits for the next one.
EVENTS_PER_TAKE = 64


class Collector(object):
    def __init__(self, group):
        self.group = group
        self.events = collections.deque()
        self.dropped = 0
        self.began = None
        if hasattr(gc, 'callbacks'):
            gc.callbacks.append(self.heard)

    def heard(self, phase, info):
        """Called by the collector, on whichever thread it runs: takes no lock and raises nothing."""
        if phase == 'start':
            self.began = (time.time(), monotonic())
        elif self.began is not None:
            start, clock = self.began
            self.began = None
            if len(self.events) >= EVENTS_MAX:
                self.dropped += 1
                return
            self.events.append({'start': start, 'duration': monotonic() - clock, 'generation': info.get('generation', 0),
                                'collected': info.get('collected', 0), 'uncollectable': info.get('uncollectable', 0)})

    def take(self):
        """The counters, and the collections since the last time."""
        found = {'interpreter': self.group, 'counts': list(gc.get_count()), 'thresholds': list(gc.get_threshold()),
                 'stats': gc.get_stats() if hasattr(gc, 'get_stats') else None, 'enabled': int(gc.isenabled()),
                 'frozen': gc.get_freeze_count() if hasattr(gc, 'get_freeze_count') else None, 'dropped': self.dropped,
                 'events': []}
        while self.events and len(found['events']) < EVENTS_PER_TAKE:
            found['events'].append(self.events.popleft())
        return found
