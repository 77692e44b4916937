"""Settings of one interpreter: those of its process, and over them the layers of `<WSGIInterpreterOptions>` that fit it.

The parent sends the layers in order, the most specific last; see src/wsgi/interpreter-options.ts.
"""
import sys

#: From Python 3.12 on, sub-interpreters can have a GIL of their own (PEP 684).
HAVE_OWN_GIL = sys.version_info >= (3, 12)


def is_free_threaded():
    """Whether this process runs without GIL."""
    return not getattr(sys, '_is_gil_enabled', lambda: True)()


def resolve(settings, group, main):
    """`(settings, problems)` for the interpreter of application group `group`; `main`: it is the process's main interpreter.

    `problems` are texts for the log. Beside the merged settings the result has `own_gil`, and `python_paths`: the
    lists of directories in the order in which they are put to the front.
    """
    found = dict(settings)
    paths = [settings.get('python_path') or []]
    problems = []
    for_this_one = None
    for layer in settings.get('interpreter_layers') or ():
        if layer['application_group'] not in (None, group):
            continue
        options = dict((name, value) for name, value in layer['options'].items() if value is not None)
        if 'python_path' in options:
            paths.append(options.pop('python_path'))
        if layer['application_group'] is not None:
            for_this_one = options.get('switch_interval', for_this_one)
        found.update(options)
    found['python_paths'] = paths
    name = group or '%{GLOBAL}'
    free = is_free_threaded()
    if main and found.get('py3k_warning') and not getattr(sys, 'py3kwarning', False):
        problems.append("WSGIPy3kWarningFlag has no effect: it is for Python 2, and '%s' is Python %d.%d"
                        % ((sys.prefix,) + sys.version_info[:2]))
    wants_own_gil = bool(found.get('per_interpreter_gil')) and not main
    found['own_gil'] = wants_own_gil and HAVE_OWN_GIL and not free
    if main and found.get('free_threading') and not free:
        problems.append("WSGI0200: WSGIFreeThreading has no effect: Python %d.%d.%d in '%s' is no free-threaded build, "
                        "or has its GIL enabled" % (sys.version_info[:3] + (sys.prefix,)))
    if wants_own_gil and free:
        problems.append("WSGI0202: WSGIPerInterpreterGIL has no effect on interpreter '%s': there is no GIL" % name)
    elif wants_own_gil and not HAVE_OWN_GIL:
        problems.append("WSGI0198: WSGIPerInterpreterGIL has no effect on interpreter '%s': it needs Python 3.12 or "
                        "later, and this is %d.%d" % ((name,) + sys.version_info[:2]))
    if free:
        if found.get('switch_interval') is not None:
            found['switch_interval'] = None
            problems.append("WSGI0204: WSGISwitchInterval has no effect on interpreter '%s': there is no GIL" % name)
    elif not main and not found['own_gil']:
        # The interval belongs to the GIL, and this interpreter has none of its own.
        found['switch_interval'] = None
        if for_this_one is not None:
            problems.append("WSGI0199: WSGISwitchInterval has no effect on interpreter '%s': it has no GIL of its own"
                            % name)
    return found, problems
