"""Descriptors 1 and 2 of a runtime process, which are an error log: native code and programs of the application write there.

When the parent has opened that log anew, it sends a descriptor over the control connection, with the line that says so.
"""
import array
import os
import socket

from .compat import retry_interrupted

STREAMS = (1, 2)


def receive(control, count):
    """Bytes from the control connection, and a descriptor that came with them, if any. Python 2 cannot take one, and lets it go."""
    if not hasattr(control, 'recvmsg'):
        return retry_interrupted(control.recv, count), None
    data, ancillary, _, _ = retry_interrupted(control.recvmsg, count, socket.CMSG_SPACE(4))
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            return data, array.array('i', payload[:4])[0]
    return data, None


def identity(fd):
    try:
        found = os.fstat(fd)
    except (OSError, IOError):
        return None
    return found.st_dev, found.st_ino


class ErrorStream(object):
    def __init__(self):
        self.log = identity(2)

    def replace(self, fd):
        """Puts a descriptor in their place, and closes it. What an application has put there itself stays."""
        for own in STREAMS:
            if self.log is not None and identity(own) == self.log:
                os.dup2(fd, own)
        self.log = identity(fd)
        os.close(fd)
