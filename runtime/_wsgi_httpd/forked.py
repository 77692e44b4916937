"""Children that an application has forked and that come back to the server, by their return from the application or by an exception.

What follows is their parent's: they would answer its request a second time, and take others from its sockets.
"""
import os


def end_child(request, error=None):
    """Ends this process if it is such a child, with the status that it would have had as a program of its own. `error`: the current exception."""
    if os.getpid() == request.lane.pid:
        return
    status = 0
    if isinstance(error, SystemExit):
        status = error.code & 255 if isinstance(error.code, int) else 0 if error.code is None else 1
    elif error is not None:
        request.log_exception()
        status = 1
    os._exit(status)
