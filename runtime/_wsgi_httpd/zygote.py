"""A process that loads the scripts of the main interpreter once, and forks the processes of its group (WSGILazyInitialization Off).

What has been loaded is shared memory until somebody writes to it. The parent hands over three descriptors for each child, one byte
each: control connection, listening socket, progress file; and another error log, with a byte of its own. The children's ends are told to the parent, who cannot see them itself.
"""
import errno
import gc
import os
import select
import signal
import socket
import sys
import threading

from .compat import PY2, keep_from_programs, retry_interrupted
from .stderr import receive

DESCRIPTORS = 3
# The byte that comes with an error log.
ERROR_LOG = b'e'
# Applications find it replaced (WSGIRestrictSignal).
set_handler = signal.signal


def serve(control, tell, log, replace_error_log):
    """Forks a child whenever the parent asks for one. Returns only in the children: with their descriptors.

    `control` is the connection to the parent; `tell(message)` and `log(level, text)` speak to it. `replace_error_log(fd)`: see stderr.py.
    """
    others = threading.active_count() - 1
    if others:
        log('warn', 'WSGILazyInitialization Off: the scripts have started %d threads while they were loaded. The processes that '
            'are forked from this one do not have them.' % others)
    freeze()
    wake_read, wake_write = os.pipe()
    for fd in (wake_read, wake_write):
        set_nonblocking(fd)
    before = set_handler(signal.SIGCHLD, lambda number, frame: None)
    wake_before = signal.set_wakeup_fd(wake_write)
    for number in (signal.SIGTERM, signal.SIGINT):
        # The parent closes the connection when this process is to end; a group's children get their signals themselves.
        set_handler(number, signal.SIG_DFL)
    children = set()
    received = []
    tell({'type': 'zygote_ready', 'pid': os.getpid()})
    while True:
        readable = wait_for((control.fileno(), wake_read))
        if wake_read in readable:
            drain(wake_read)
            for pid in list(children):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    children.discard(pid)
                    tell(dict(describe(status), type='exited', pid=pid))
        if control.fileno() not in readable:
            continue
        kind, fd = receive_descriptor(control)
        if fd is None:
            os._exit(0)
        keep_from_programs(fd)
        if kind == ERROR_LOG:
            replace_error_log(fd)
            continue
        received.append(fd)
        if len(received) < DESCRIPTORS:
            continue
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(wake_before)
            set_handler(signal.SIGCHLD, before)
            os.close(wake_read)
            os.close(wake_write)
            control.close()
            reseed()
            return received
        children.add(pid)
        tell({'type': 'forked', 'pid': pid})
        for fd in received:
            os.close(fd)
        received = []


def freeze():
    """The collector would write to every object that it looks at, and so copy the memory that is to be shared."""
    gc.collect()
    if hasattr(gc, 'freeze'):
        gc.freeze()


def reseed():
    """Python 3.7 and later see to it themselves."""
    if sys.version_info < (3, 7) and 'random' in sys.modules:
        sys.modules['random'].seed()


def wait_for(fds):
    while True:
        try:
            return select.select(fds, (), ())[0]
        except (OSError, IOError, select.error) as error:
            if error.args[0] != errno.EINTR:
                raise


def set_nonblocking(fd):
    import fcntl
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)


def drain(fd):
    try:
        while os.read(fd, 512):
            pass
    except (OSError, IOError) as error:
        if error.errno not in (errno.EAGAIN, errno.EINTR):
            raise


def receive_descriptor(control):
    """The byte and the descriptor that the parent has sent; None for the latter when the connection has ended."""
    if not PY2:
        return receive(control, 1)
    import _multiprocessing
    try:
        kind = retry_interrupted(control.recv, 1, socket.MSG_PEEK)
        return kind, _multiprocessing.recvfd(control.fileno())
    except (OSError, IOError, EOFError):
        return b'', None


def describe(status):
    """An exit status as Node tells it: code or signal."""
    if os.WIFSIGNALED(status):
        return {'code': None, 'signal': os.WTERMSIG(status)}
    return {'code': os.WEXITSTATUS(status), 'signal': None}
