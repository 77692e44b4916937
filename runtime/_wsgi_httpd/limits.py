"""What a process allows itself: memory, processor time, the stacks of its threads, requests (options of WSGIDaemonProcess).

Set before any application code runs. What the system refuses is a warning, and the process goes on, as in mod_wsgi.
"""
import os
import struct

from .compat import stack_size

# Below this no version of Python takes a size; some want more (3.14: 52 KiB), none more than this.
STACK_MIN_BYTES = 32 * 1024
STACK_ENOUGH_BYTES = 1024 * 1024
STACK_STEP_BYTES = 4096

# With a `maximum-requests` below this, processes are what somebody does not want to keep.
REPLACED_EARLY_MIN = 10


def apply_limits(settings):
    """Yields a line for the log for each limit that cannot be set."""
    group = settings['process_group']
    memory, virtual = settings.get('memory_limit'), settings.get('virtual_memory_limit')
    # A process that others are forked from lives on; the others begin with no time used, and limit themselves.
    seconds = None if settings.get('zygote') else settings.get('cpu_time_limit')
    if memory or virtual or seconds:
        try:
            import resource
        except ImportError:
            yield "This Python has no module 'resource': limits of memory and processor time are not set for '%s'." % group
        else:
            # The hard limit comes when the orderly end has had its time; the kernel kills then.
            hard = (seconds or 0) + 1 + (settings.get('shutdown_timeout') or 0)
            for name, soft, hard, text in (
                    ('RLIMIT_DATA', memory, memory, "WSGI0077: Couldn't set memory limit of %d for process '%s'"),
                    ('RLIMIT_AS', virtual, virtual, "WSGI0078: Couldn't set virtual memory limit of %d for process '%s'"),
                    ('RLIMIT_CPU', seconds, hard, "Couldn't set CPU time limit of %d seconds for process '%s'")):
                if not soft:
                    continue
                try:
                    resource.setrlimit(getattr(resource, name), (soft, hard))
                except (AttributeError, ValueError, OSError, resource.error) as error:
                    yield (text + ': %s.') % (soft, group, error)
    size = settings.get('stack_size')
    if size:
        refusal = set_stack_size(size)
        if refusal is not None:
            yield "Couldn't set stack size of %d for process '%s': %s." % (size, group, refusal)


def drawn_maximum(maximum, jitter):
    """The `maximum-requests` of this process: up to `maximum-requests-jitter` more, each number as likely as any other."""
    if not maximum or not jitter:
        return maximum
    return maximum + struct.unpack('>Q', os.urandom(8))[0] % (jitter + 1)


def replacement_point(maximum, pid):
    """The number of requests after which a process with `maximum-requests` asks for another one in its place; 0: it does not.

    Each process has its own, between 80 and 95 %: those that were started together and share their requests evenly must not leave together.
    """
    if maximum < REPLACED_EARLY_MIN:
        return 0
    return maximum * (80 + pid * 7 % 16) // 100


def set_stack_size(size):
    """Takes bytes, and rounds them up to what the system and this Python accept. Returns the error if nothing will do."""
    size = max(STACK_MIN_BYTES, -(-size // STACK_STEP_BYTES) * STACK_STEP_BYTES)
    while True:
        try:
            stack_size(size)
            return None
        except (ValueError, RuntimeError) as error:
            if isinstance(error, RuntimeError) or size >= STACK_ENOUGH_BYTES:
                return error
        size += STACK_STEP_BYTES
