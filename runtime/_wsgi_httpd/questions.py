"""What an interpreter asks its neighbours: the other interpreters of its process, and the server behind it.

Questions leave through `notify`, as all messages do. Answers come with what the thread reads that obeys: the main thread of the process, or the
one of a sub-interpreter that takes its connections. Nothing is asked but by an application that wants metrics.
"""
import threading

from .compat import allocate_lock, get_ident

ANSWER_MAX_SECONDS = 2.0


class Questions(object):
    # Answers are being read; by whom.
    reader = None

    def __init__(self, notify):
        self.notify = notify
        self.lock = allocate_lock()
        self.number = 0
        self.waiting = {}

    def read_here(self):
        """The calling thread reads answers from now on."""
        self.reader = get_ident()

    def ask(self, kind, **more):
        """The answer's `value`; None where nobody answers in time, or the calling thread would have to read the answer itself."""
        done, found = threading.Event(), []
        with self.lock:
            self.number += 1
            number = self.number
            self.waiting[number] = (done, found)
        try:
            # 0: the main interpreter; the process puts the number of the sub-interpreter here.
            self.notify(dict(more, type=kind, number=number, asker=0))
            if not done.is_set() and self.reader not in (None, get_ident()):
                done.wait(ANSWER_MAX_SECONDS)
            return found[0] if found else None
        finally:
            self.waiting.pop(number, None)

    def answered(self, message):
        done, found = self.waiting.get(message['number'], (None, None))
        if done is not None:
            found.append(message.get('value'))
            done.set()


class Gathering(object):
    """The parts of one answer that all interpreters of a process give together."""

    def __init__(self, first, missing, deliver):
        self.parts = [part for part in (first,) if part is not None]
        self.missing = missing
        self.deliver = deliver
        self.lock = allocate_lock()
        if not missing:
            deliver(self.parts)

    def add(self, part):
        with self.lock:
            if part is not None:
                self.parts.append(part)
            self.missing -= 1
            complete = self.missing == 0
        if complete:
            self.deliver(self.parts)
        return complete
