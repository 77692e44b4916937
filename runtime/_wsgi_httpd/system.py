"""Calls into the C library that Python lacks. Linux only; where something is missing, nothing happens."""
import sys


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
        import os
        flags = getattr(os, 'RTLD_NOW', 2) | getattr(os, 'RTLD_DEEPBIND', 8)
        if sys.platform.startswith('linux'):
            sys.setdlopenflags(flags)
    except Exception:
        pass
