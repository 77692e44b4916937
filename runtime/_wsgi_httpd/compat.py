"""The few places where CPython 2.7 and 3 differ, and where the versions of 3 do."""
import fcntl
import os
import sys
import time

PY2 = sys.version_info[0] == 2

if PY2:
    from thread import allocate_lock, get_ident, stack_size, start_new_thread
    monotonic = time.time
    string_types = (basestring,)  # noqa: F821
    text_type = unicode  # noqa: F821

    def native(data):
        """Bytes from the wire as a native string."""
        return data

    def wire(text):
        """A native string as bytes; PEP 3333 strings are bytes already."""
        return text if isinstance(text, bytes) else text.encode('latin-1')

    def file_name(latin):
        return latin

    def utf8(text):
        return text if isinstance(text, bytes) else text.encode('utf-8', 'replace')

    exec('def reraise(kind, value, trace):\n    raise kind, value, trace\n')
    clear_exception = sys.exc_clear
else:
    from _thread import allocate_lock, get_ident, stack_size, start_new_thread
    monotonic = time.monotonic
    string_types = (str,)
    text_type = str

    def native(data):
        """Bytes from the wire as a native string (PEP 3333: Latin-1)."""
        return data.decode('latin-1')

    def wire(text):
        """A native string as bytes. Raises UnicodeEncodeError beyond U+00FF."""
        return text.encode('latin-1')

    def file_name(latin):
        """A Latin-1 native string as the name of a file, so that `open()` finds it whatever its bytes are."""
        return os.fsdecode(latin.encode('latin-1'))

    def utf8(text):
        return text.encode('utf-8', 'backslashreplace')

    def reraise(kind, value, trace):
        if value is None:
            value = kind()
        if value.__traceback__ is not trace:
            raise value.with_traceback(trace)
        raise value

    def clear_exception():
        """Python 3 forgets a handled exception by itself."""


def is_same(one, other):
    """Whether two native strings are equal, in a time that does not tell where they differ. (`hmac` would load OpenSSL.)"""
    one, other = bytearray(utf8(one)), bytearray(utf8(other))
    difference = len(one) ^ len(other)
    for byte, other_byte in zip(one, other):
        difference |= byte ^ other_byte
    return not difference


def type_name(value):
    return type(value).__name__


def keep_from_programs(fd):
    """Programs that the application starts shall not inherit the descriptor."""
    fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.fcntl(fd, fcntl.F_GETFD) | fcntl.FD_CLOEXEC)


def adopt_socket(fd):
    """A blocking UNIX stream socket around a descriptor; the object owns it from now on."""
    import socket
    if PY2 or sys.version_info < (3, 7):
        made = socket.fromfd(fd, socket.AF_UNIX, socket.SOCK_STREAM)
        os.close(fd)
    else:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fd)
    keep_from_programs(made.fileno())
    made.setblocking(True)
    return made


def retry_interrupted(call, *arguments):
    """Calls again after EINTR, which Python 2.7 hands to the caller (PEP 475 came with 3.5)."""
    import errno
    while True:
        try:
            return call(*arguments)
        except (OSError, IOError) as error:
            if error.errno != errno.EINTR:
                raise
