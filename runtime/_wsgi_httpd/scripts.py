"""Script files: loaded under a name of their own, kept while unchanged, loaded again or refused when changed.

They are not imported: two files of the same name are two modules, and the extension does not matter.
"""
import os
import sys
import traceback
import types

from . import wire
from .compat import PY2, allocate_lock, clear_exception, monotonic
from .repeats import Repeats
try:
    # hashlib loads OpenSSL, which is a sixth of the time that the runtime takes to load
    from _md5 import md5
except ImportError:
    from hashlib import md5


MISSING = "Target WSGI script '%s' does not contain WSGI application '%s'."


class LoadFailed(Exception):
    """The script cannot be loaded, or is of no use; the reason has been logged."""


class MissingCallable(Exception):
    """The script is there, its application is not."""


class ReloadProcess(Exception):
    """The script has changed and this process belongs to the past (daemon mode)."""


class NowWatched(Exception):
    """The script has subscribed to events while it was loaded: those of this request are among them."""


def module_name(path):
    return '_mod_wsgi_' + md5(path if PY2 else os.fsencode(path)).hexdigest()


class Scripts(object):
    def __init__(self, embedded):
        self.embedded = embedded
        self.lock = allocate_lock()
        # path -> (module, when it was last compared with the file)
        self.loaded = {}
        self.failures = Repeats()
        # For startup-timeout: when a request first needed a script that was not there, and whether one has been loaded.
        self.first_attempt = None
        self.succeeded = False
        # path -> who is told once it is loaded: scripts that failed before there were requests
        self.awaited = {}

    def application(self, place, environ, request):
        """The callable for a request, from a module that is as new as its file was when the request arrived.

        Raises LoadFailed, MissingCallable, ReloadProcess, NowWatched.
        """
        path = place.script
        entry = self.loaded.get(path)
        if entry is None:
            module = self.load(place, request)
            if request.misses_events():
                raise NowWatched()
        else:
            module = entry[0]
            if place.reload:
                # Requests that came in one read share one look at the file: it was taken after all had arrived.
                if entry[1] < request.read_at:
                    entry[1] = request.read_at
                    if changed(module, path):
                        module = self.reload(place, entry, request)
                check = module.__dict__.get('reload_required')
                if check is not None and place.adapter is None and self.asks_for_reload(check, environ, request):
                    module = self.reload(place, entry, request)
        if place.adapter is not None:
            return place.adapter(module, place, environ, request)
        found = module.__dict__.get(place.callable)
        if found is None:
            raise MissingCallable(MISSING % (path, place.callable))
        return found

    def check(self, module, place, name):
        """Whether the script's application is one, before there are requests. Raises LoadFailed."""
        found = module.__dict__.get(name)
        if callable(found):
            return
        prefix = 'mod_wsgi (pid=%d): ' % os.getpid()
        if found is None:
            place.log(wire.L_ERROR, prefix + MISSING % (place.script, name))
        else:
            place.log(wire.L_ERROR, prefix + "WSGI application '%s' of target WSGI script '%s' cannot be called: it is of type '%s'."
                      % (name, place.script, type(found).__name__))
        raise LoadFailed(place.script)

    def asks_for_reload(self, check, environ, request):
        with self.lock:
            try:
                return bool(check(environ.get('SCRIPT_FILENAME', '')))
            except:  # noqa: E722: counts as no
                request.log_exception()
                return False

    def reload(self, place, entry, request):
        if not self.embedded:
            raise ReloadProcess()
        with self.lock:
            # Another thread may have been first.
            if self.loaded.get(place.script) is entry:
                request.log(wire.L_INFO, "Reloading WSGI script '%s'." % place.script)
                self.loaded.pop(place.script, None)
                sys.modules.pop(module_name(place.script), None)
        return self.load(place, request)

    def load(self, place, request):
        """Executes the file as a module, once, however many threads ask at the same time."""
        path = place.script
        with self.lock:
            entry = self.loaded.get(path)
            if entry is not None:
                return entry[0]
            if self.first_attempt is None and request.read_at:
                self.first_attempt = monotonic()
            try:
                module = execute(path)
            except:  # noqa: E722: SystemExit in a script must not end the process
                sys.modules.pop(module_name(path), None)
                self.explain(path, request)
                raise LoadFailed(path)
            self.succeeded = True
            self.failures.forget(path)
            self.loaded[path] = [module, request.read_at]
            notify = self.awaited.pop(path, None)
            if notify is not None:
                notify({'type': 'loaded', 'script': path})
            return module

    def explain(self, path, request):
        kind, value, trace = sys.exc_info()
        try:
            # without our own two calls
            for _ in range(2):
                trace = trace.tb_next or trace
            lines = [line for text in traceback.format_exception(kind, value, trace) for line in text.rstrip('\n').split('\n')]
            prefix = 'mod_wsgi (pid=%d): ' % os.getpid()
            headline = prefix + "Target WSGI script '%s' cannot be loaded as Python module." % path
            # Without a request it goes to another log.
            times = self.failures.count(path, (lines, mtime_or_none(path)), monotonic()) if request.read_at else 0
            if times:
                request.log(wire.L_ERROR, '%s It fails as before, %d times since its traceback was logged: %s'
                            % (headline, times, lines[-1]))
                return
            if kind is SystemExit:
                request.log(wire.L_ERROR, prefix + "SystemExit exception raised by WSGI script '%s' ignored." % path)
            request.log(wire.L_ERROR, headline)
            for line in lines:
                request.log(wire.L_ERROR, line)
        finally:
            kind = value = trace = None
            if PY2:
                clear_exception()


def execute(path):
    """The file as a module. Raises whatever its code raises."""
    name = module_name(path)
    module = types.ModuleType(name)
    module.__file__ = path
    # Taken before reading: a change in between is then seen as one.
    mtime = mtime_of(path)
    with open(path, 'rb') as file:
        source = file.read()
    code = compile(source, path, 'exec', 0, 1)
    sys.modules[name] = module
    exec(code, module.__dict__)
    module.__mtime__ = mtime
    return module


def mtime_of(path):
    """Modification time in microseconds, as httpd counts."""
    return int(os.stat(path).st_mtime * 1000000)


def mtime_or_none(path):
    try:
        return mtime_of(path)
    except (OSError, IOError):
        return None


def changed(module, path):
    known = module.__dict__.get('__mtime__')
    if known is None:
        return True
    try:
        return mtime_of(path) != known
    except (OSError, IOError):
        return True
