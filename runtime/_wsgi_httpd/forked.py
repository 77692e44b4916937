"""Children that an application has forked: what they must not have of the server."""
import os
import signal

from . import zygote

# Python, or the program that it is embedded in, handles these for the server.
SIGNALS = [getattr(signal, name) for name in ('SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGXCPU', 'SIGWINCH', 'SIGCHLD')]


def release_signals(handler):
    """Gives a child the system's ways with signals again. Else SIGTERM would not end it (a `multiprocessing.Pool` waits for that), or, embedded,
    would end the server worker, by a pipe that the child shares with it. `handler`: the server's own; those of the application stay."""
    for number in SIGNALS:
        # None: not Python's, but that of the program around it
        if signal.getsignal(number) in (handler, None):
            zygote.set_handler(number, signal.SIG_DFL)


def release_signals_of_children(handler):
    """From now on; Pythons before 3.7 cannot tell that they have forked, see `Process.take_signals`."""
    if hasattr(os, 'register_at_fork'):
        os.register_at_fork(after_in_child=lambda: release_signals(handler))


def end_child(request, error=None):
    """Ends this process if it is a child that comes back to the server, by its return from the application or by an exception, with the status that
    it would have had as a program of its own. What follows is its parent's: it would answer the request a second time, and take others from its
    sockets. `error`: the current exception."""
    if os.getpid() == request.lane.pid:
        return
    status = 0
    if isinstance(error, SystemExit):
        status = error.code & 255 if isinstance(error.code, int) else 0 if error.code is None else 1
    elif error is not None:
        request.log_exception()
        status = 1
    os._exit(status)
