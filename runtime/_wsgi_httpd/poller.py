"""Waiting for several descriptors: epoll where there is one, poll elsewhere."""
import select

from .compat import retry_interrupted

_HAS_EPOLL = hasattr(select, 'epoll')


class Poller(object):
    """Several threads may wait on one poller. With `edge`, one event wakes one of them (Linux); the others sleep on."""

    def __init__(self, edge=False):
        self.fds = {}
        self.edge = edge
        if _HAS_EPOLL:
            self.epoll = select.epoll()
            self.mask = select.EPOLLIN | (select.EPOLLET if edge else 0)

    def add(self, fd):
        self.fds[fd] = True
        if _HAS_EPOLL:
            self.epoll.register(fd, self.mask)

    def remove(self, fd):
        self.fds.pop(fd, None)
        if _HAS_EPOLL:
            try:
                self.epoll.unregister(fd)
            except (OSError, IOError, ValueError):
                pass

    def wait(self, seconds=-1):
        """The descriptors with input or an end, after at most `seconds` (negative: without limit)."""
        if _HAS_EPOLL:
            return [fd for fd, _ in retry_interrupted(self.epoll.poll, seconds, 1 if self.edge else 64)]
        poll = select.poll()
        for fd in list(self.fds):
            poll.register(fd, select.POLLIN)
        # Descriptors added meanwhile are seen at the next turn, so turns are short.
        limit = 0.25 if seconds < 0 else min(seconds, 0.25)
        try:
            return [fd for fd, _ in poll.poll(limit * 1000)][:1 if self.edge else 64]
        except select.error:
            return []
