"""Calls into the C library that Python lacks. Linux only; where something is missing, nothing happens."""
import os
import sys
try:
    import resource
except ImportError:
    # Some builds, and Pythons in a jail, do without: no request may fail for want of it.
    resource = None


def _libc():
    import ctypes
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """The kernel kills this process when its parent ends, even if C code holds the GIL for ever."""
    if not sys.platform.startswith('linux'):
        return
    try:
        import signal
        _libc().prctl(1, int(signal.SIGKILL), 0, 0, 0)
    except Exception:
        pass


def set_title(text):
    """The name shown by `ps` and `top` (`display-name`): the process name, and the argument memory, as far as it goes."""
    if not sys.platform.startswith('linux'):
        return
    try:
        import ctypes
        data = text.encode('utf-8') if not isinstance(text, bytes) else text
        _libc().prctl(15, data[:15] + b'\0', 0, 0, 0)
        with open('/proc/self/stat', 'rb') as file:
            fields = file.read().rpartition(b')')[2].split()
        # proc(5): arg_start and arg_end are fields 48 and 49; two came before the ')'.
        start, end = int(fields[45]), int(fields[46])
        room = end - start
        if room > 1:
            ctypes.memmove(start, data[:room - 1].ljust(room, b'\0'), room)
    except Exception:
        pass


def bind_extensions_to_their_own_libraries():
    """Embedded in another program, extension modules must not resolve symbols from it (its OpenSSL, for instance)."""
    try:
        flags = getattr(os, 'RTLD_NOW', 2) | getattr(os, 'RTLD_DEEPBIND', 8)
        if sys.platform.startswith('linux'):
            sys.setdlopenflags(flags)
    except Exception:
        pass


def thread_times():
    """Seconds of CPU that the calling thread has used, (user, system); the whole process's where threads are not told apart, 0 where nobody counts."""
    if resource is None:
        return 0.0, 0.0
    # RUSAGE_THREAD of Linux; Python 2 has no name for it.
    usage = resource.getrusage(1 if sys.platform.startswith('linux') else resource.RUSAGE_SELF)
    return usage.ru_utime, usage.ru_stime


def times_slept():
    """How often the calling thread has given up the processor to wait for something; 0 where that is not known."""
    return resource.getrusage(1).ru_nvcsw if resource is not None and sys.platform.startswith('linux') else 0


def process_times():
    """Seconds of CPU that this process has used, (user, system); 0 where nobody counts."""
    if resource is None:
        return 0.0, 0.0
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime, usage.ru_stime


def resident_bytes():
    """Memory of this process that is in RAM now; None where the system does not tell."""
    try:
        with open('/proc/self/statm') as file:
            return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
    except (OSError, IOError, ValueError, IndexError):
        return None


def memory_bytes():
    """Memory of this process that is in RAM, (now, at most so far); 0 where nobody counts."""
    most = 0
    if resource is not None:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)
    now = resident_bytes()
    return (most if now is None else now), most


# Where ctypes may be left to pass an int for a size: libffi widens it to a register (measured: 0.55 instead of 1.1 microseconds a call).
_WIDENS = ('x86_64', 'aarch64')
INSTANT_MAX_BYTES = 1 << 30
# For send(2): more follows at once. Python 2 has no name for it.
MSG_MORE = 0x8000


class InstantSend(object):
    """`send(2)` without waiting and without giving up the interpreter's lock.

    Python's own calls give the lock up around every system call; with several threads that each send many small pieces, the lock then changes
    hands at every piece, which costs ten times as much as the copy of 16 KiB that it would allow others to overlap with.
    """

    def __init__(self):
        # call(descriptor, bytes, at most INSTANT_MAX_BYTES of them, flags): how many the kernel took, negative for none or where it cannot tell
        self.call = lambda fd, data, size, flags: -1
        self.flags = 0
        if not sys.platform.startswith('linux'):
            return
        try:
            import ctypes
            import socket
            call = ctypes.PyDLL(None).send
            if os.uname()[4] not in _WIDENS:
                call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
            call.restype = ctypes.c_ssize_t
            self.flags = socket.MSG_DONTWAIT | 0x4000  # MSG_NOSIGNAL, which Python 2 has no name for
            self.call = call
        except Exception:
            pass

    def __call__(self, fd, data, flags=0):
        """How many of the bytes the kernel took; 0 where it cannot tell or took none."""
        return max(self.call(fd, data, min(len(data), INSTANT_MAX_BYTES), self.flags | flags), 0)
