"""Restarts a daemon process when the file of a loaded module changes.

For development: `wsgi-httpd start-server --reload-on-changes` loads it with WSGIImportScript. A thread looks at the modification times of
all loaded modules once a second; on the first change it sends SIGINT to its own process, which finishes its requests and is replaced.
Works with Python 2.7 and 3.
"""

import logging
import os
import signal
import sys
import threading
import time

import mod_wsgi

INTERVAL = 1.0
NOTICE = 25

log = logging.getLogger("wsgi-httpd-reloader")
log.propagate = False
log.setLevel(NOTICE)
log.addHandler(mod_wsgi.LogHandler())


def files():
    """The source files of all modules that are loaded now."""
    found = set()
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if not name:
            continue
        if name.endswith((".pyc", ".pyo")):
            name = name[:-1]
        found.add(name)
    return found


def note_times_of_loading(times):
    """Notes in `times` how old each source file was when it was loaded. Without it (Python 2) a change between the loading of a module and the
    next look at it goes unnoticed.
    """
    try:
        from importlib.machinery import SourceFileLoader
    except ImportError:
        return
    original = SourceFileLoader.path_stats

    def path_stats(self, path):
        stats = original(self, path)
        times[path] = stats["mtime"]
        return stats

    SourceFileLoader.path_stats = path_stats


def modified(name):
    """The modification time, or None where the file is gone."""
    try:
        return os.stat(name).st_mtime
    except (OSError, ValueError):
        return None


def watch(loaded):
    seen = {}
    while True:
        for name in files():
            now = modified(name)
            if seen.setdefault(name, loaded.get(name, now)) != now:
                log.log(NOTICE, "Change detected to '%s'. Restarting the process %d.", name, os.getpid())
                os.kill(os.getpid(), signal.SIGINT)
                return
        time.sleep(INTERVAL)


loaded_at = {}
note_times_of_loading(loaded_at)
thread = threading.Thread(target=watch, args=(loaded_at,), name="wsgi-httpd-reloader")
thread.daemon = True
thread.start()
