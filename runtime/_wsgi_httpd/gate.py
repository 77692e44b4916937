"""The limit on requests that run at the same time, over all interpreters of a process: tokens in a pipe.

Only a process with a second interpreter pays for it; within one interpreter the number of threads is the limit.
"""
import os
import select

from .compat import retry_interrupted


class Gate(object):
    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    def enter(self, before_waiting):
        """Takes a token. `before_waiting()` is called first where none is there: finished answers must not wait."""
        poll = select.poll()
        poll.register(self.reader, select.POLLIN)
        if not poll.poll(0):
            before_waiting()
        retry_interrupted(os.read, self.reader, 1)

    def leave(self):
        retry_interrupted(os.write, self.writer, b't')
