"""The Python stacks of an interpreter's threads, with the requests that they run: for whoever asks the server, by SIGQUIT, what it is doing."""
import sys
import threading
import traceback

from .compat import get_ident


def write_stacks(crew):
    """Writes them to the error log, at a level at which they are seen."""
    lines = list(describe(crew))
    for line in lines:
        crew.streams.process_line(line, 'notice')


def describe(crew):
    yield "Python stacks of process group '%s', application group '%s':" % (crew.settings['process_group'], crew.group)
    slots = dict((slot.ident, slot) for slot in crew.slots)
    names = dict((thread.ident, thread.name) for thread in threading.enumerate())
    idle = sum(1 for slot in crew.slots if slot.request is None)
    for ident, frame in sys._current_frames().items():
        slot = slots.get(ident)
        request = slot.request if slot is not None else None
        if not is_of_this_interpreter(frame) or request is None and (slot is not None or is_servers_own(frame, ident)):
            continue
        if request is not None:
            yield "Thread %d has run %s, script '%s':" % (slot.number, request.describe(), request.place.script)
        else:
            yield "Thread '%s' runs no request:" % names.get(ident, ident)
        for text in traceback.format_stack(frame):
            for line in text.rstrip('\n').split('\n'):
                yield line
    yield '%d of %d threads wait for requests.' % (idle, len(crew.slots))


def is_of_this_interpreter(frame):
    """Python names the threads of all interpreters in one list. What they cannot have in common is the module of built-in functions."""
    mine = __builtins__ if isinstance(__builtins__, dict) else __builtins__.__dict__
    return frame.f_builtins is mine


def is_servers_own(frame, ident):
    """Whether a thread runs nothing but the runtime itself: its main thread, those that look after timers."""
    if ident == get_ident():
        return True
    while frame is not None:
        name = frame.f_globals.get('__name__') or ''
        if name != '__main__' and not name.startswith('_wsgi_httpd'):
            return False
        frame = frame.f_back
    return True
