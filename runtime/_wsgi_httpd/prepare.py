"""Makes an interpreter what applications expect under mod_wsgi: paths, streams, signals, environment variables."""
import os
import signal
import site
import sys
import traceback

from .compat import PY2
from .modules import install
from .streams import Restricted
from .system import bind_extensions_to_their_own_libraries


def prepare_process(settings):
    """What holds for the whole process, before any application code. Problems are logged by the caller."""
    if settings.get('umask') is not None:
        os.umask(settings['umask'])
    user = settings.get('user')
    if user:
        os.environ['HOME'] = native_text(user.get('home') or '/')
        for name in ('USER', 'LOGNAME', 'USERNAME'):
            if name in os.environ:
                os.environ[name] = native_text(user.get('name') or '')
    if settings.get('lang'):
        os.environ['LANG'] = native_text(settings['lang'])
    if settings.get('locale'):
        import locale
        os.environ['LC_ALL'] = native_text(settings['locale'])
        try:
            locale.setlocale(locale.LC_ALL, '')
        except locale.Error as error:
            yield "cannot set locale '%s': %s" % (settings['locale'], error)
    if settings.get('python_eggs'):
        os.environ['PYTHON_EGG_CACHE'] = native_text(settings['python_eggs'])
    if settings.get('home'):
        try:
            os.chdir(settings['home'])
        except OSError as error:
            yield "cannot change to home directory '%s': %s" % (settings['home'], error)


def native_text(text):
    """JSON gives unicode; os.environ of Python 2.7 wants bytes."""
    return text.encode('utf-8') if PY2 and not isinstance(text, str) else text


def prepare_interpreter(settings, group, streams):
    """What each interpreter needs for itself."""
    if settings.get('inside'):
        # Kept per interpreter, so the main one's does not hold for others.
        bind_extensions_to_their_own_libraries()
    sys.argv = ['mod_wsgi']
    sys.stdin = Restricted('sys.stdin') if settings.get('restrict_stdin') else open_nothing()
    sys.stdout = Restricted('sys.stdout') if settings.get('restrict_stdout') else streams.stdout
    sys.stderr = streams.stderr
    if not PY2:
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
    if settings.get('switch_interval') and hasattr(sys, 'setswitchinterval'):
        sys.setswitchinterval(settings['switch_interval'])
    if settings.get('restrict_signal', True):
        restrict_signals(streams)
    for paths in settings.get('python_paths') or [settings.get('python_path') or ()]:
        add_paths([native_text(path) for path in paths], streams)
    home = native_text(settings.get('home') or '')
    if home:
        sys.path.insert(0, home)
    Restricted.__module__ = 'mod_wsgi'
    install(settings, group, streams, {'Restricted': Restricted})


def open_nothing():
    """An empty file to read from. A jail need not have a /dev/null; descriptor 0 was opened on one."""
    try:
        return open(os.devnull)
    except (OSError, IOError):
        return os.fdopen(os.dup(0))


def add_paths(directories, streams):
    """Each directory with its .pth files; everything new goes to the front, in order (WSGIPythonPath)."""
    before = list(sys.path)
    for directory in directories:
        try:
            site.addsitedir(directory)
        except Exception as error:
            streams.process_line("cannot add '%s' to the Python path: %s" % (directory, error))
            break
    old = [path for path in sys.path if path in before]
    new = [path for path in sys.path if path not in before]
    # A directory that was on the path already moves to the front too.
    named = [os.path.abspath(path) for path in directories]
    first = new + [path for path in old if path in named]
    sys.path[:] = first + [path for path in old if path not in first]


_restricted_pid = None


def own_signals():
    """From now on it is this process whose signals applications may not handle; those of its children are their own."""
    global _restricted_pid
    _restricted_pid = os.getpid()


def restrict_signals(streams):
    """`signal.signal` of applications is refused with a note in the log (WSGIRestrictSignal)."""
    original = signal.signal
    own_signals()

    def restricted(number, handler):
        if os.getpid() != _restricted_pid:
            # A child that the application has forked: its signals are its own.
            return original(number, handler)
        streams.process_line('Callback registration for signal %d ignored.' % number, 'warn')
        for line in ''.join(traceback.format_stack()[:-1]).rstrip('\n').split('\n'):
            streams.process_line(line, 'warn')
        return handler
    signal.signal = restricted


def finish_interpreter(streams):
    """The end of an interpreter as at the end of a program: threads are joined, atexit functions run."""
    import atexit
    import threading
    try:
        join_threads(threading)
    except BaseException:
        report(streams)
    try:
        if hasattr(atexit, '_run_exitfuncs'):
            atexit._run_exitfuncs()
    except SystemExit:
        pass
    except BaseException:
        report(streams)
    for stream in (streams.stdout, streams.stderr):
        stream.flush()


def join_threads(threading):
    """Waits for non-daemon threads, as Python does at its end."""
    if isinstance(threading.current_thread(), getattr(threading, '_MainThread', ())):
        threading._shutdown()
        return
    # In a sub-interpreter another thread does this, where _shutdown() would wait for the main thread for ever.
    for function in reversed(getattr(threading, '_threading_atexits', ())):
        function()
    me = threading.current_thread()
    while True:
        others = [thread for thread in threading.enumerate()
                  if not thread.daemon and thread is not me and not isinstance(thread, threading._MainThread)]
        if not others:
            return
        for thread in others:
            thread.join()


def report(streams):
    for line in traceback.format_exc().rstrip('\n').split('\n'):
        streams.process_line(line)
