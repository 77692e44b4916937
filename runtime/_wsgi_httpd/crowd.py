"""Whether fewer threads would do as much, because they only take the interpreter's lock from each other.

A thread that waits for the lock wakes up every 5 ms to ask for it, and every system call of the one that has it is a chance to lose it. Threads that
have once been woken (by slow first requests, by a pause) find work as long as there is a backlog, however fast the application is: Django's hello world
cost 460 microseconds with 25 threads awake and 350 with one. Nobody can tell from outside whether a thread waits for the lock or for a database, so it is tried:
requests are counted for a while, half of the threads that run one go to sleep after it, and requests are counted again. If they have become fewer, all
sleepers are woken and there is no other trial for some seconds; otherwise the next half is tried, down to one thread. An application that waits as well
as it computes has its threads back at once, therefore; those of one that computes sleep until the worker wakes them. Nothing is judged slow while that goes on, so that
the worker wakes nobody at once.

Should all threads that are left block meanwhile, the worker's timer wakes others as ever (docs/channel.md).
"""

# How long requests are counted; longer where they take longer.
COUNT_SECONDS = 0.15
COUNT_REQUESTS = 4
# Fewer than this part of what more threads did is too few; counts of a busy machine are not exact.
ENOUGH_SHARE = 0.95
# Until the next trial after one that failed, doubled each time.
REST_SECONDS = 2.0
REST_MAX_SECONDS = 16.0


class Crowd(object):
    """The trials of one interpreter. Time is monotonic, in seconds; `running` is how many threads run requests."""

    def __init__(self):
        # Whether requests are being counted: then `finished` is to be called after each.
        self.counts = False
        # How many threads shall still go to sleep.
        self.surplus = 0
        # How many have been sent there in this trial, and how many were at work before the latest of them.
        self.retired = 0
        self.were_running = 0
        self.finished_requests = 0
        self.since = 0.0
        self.span = 0.0
        # The most requests a second so far, None while those before the trial are being counted.
        self.before = None
        self.rest = REST_SECONDS
        self.rest_until = 0.0

    def suspect(self, now, took, running):
        """A request took so long, and the lock may be why."""
        if running < 2 or self.counts or now < self.rest_until:
            return
        self.before = None
        self.retired = 0
        self.span = max(COUNT_SECONDS, COUNT_REQUESTS * took)
        self.count_from(now)
        self.counts = True

    def count_from(self, now):
        self.since = now
        self.finished_requests = 0

    def finished(self, now, running):
        """After each request while they are counted. Returns how many threads to wake."""
        self.finished_requests += 1
        span = now - self.since
        if span < self.span:
            return 0
        before, rate = self.before, self.finished_requests / span
        if span > 2 * self.span:
            # The load has gone meanwhile.
            return self.end()
        if before is not None and rate < before * ENOUGH_SHARE:
            self.rest_until = now + self.rest
            self.rest = min(self.rest * 2, REST_MAX_SECONDS)
            # Two threads that do more than one are no crowd.
            return self.end(1 if self.were_running == 2 else self.retired)
        if running < 2:
            self.rest = REST_SECONDS
            return self.end()
        self.before = max(rate, before or 0.0)
        self.were_running = running
        self.surplus = running // 2
        self.retired += self.surplus
        self.count_from(now)
        return 0

    def end(self, woken=0):
        self.counts = False
        self.surplus = 0
        return woken

    def retires(self, now):
        """Whether the calling thread, having ended a request while another one runs, shall go to sleep. The last to do so begins the count anew."""
        if not self.surplus:
            return False
        self.surplus -= 1
        if not self.surplus:
            self.count_from(now)
        return True
