"""Restarts a daemon process when the file of a loaded module changes.

For development: `wsgi-httpd start-server --reload-on-changes` loads it with WSGIImportScript. A thread looks at the modification times of
all loaded modules once a second; on the first change it sends SIGINT to its own process, which finishes its requests and is replaced.
Works with Python 2.7 and 3.
"""

import os
import signal
import sys
import threading
import time

INTERVAL = 1.0


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


def modified(name):
    """The modification time, or None where the file is gone."""
    try:
        return os.stat(name).st_mtime
    except (OSError, ValueError):
        return None


def watch():
    seen = {}
    while True:
        for name in files():
            now = modified(name)
            if seen.setdefault(name, now) != now:
                sys.stderr.write("Change detected to '%s'. Restarting the process %d.\n" % (name, os.getpid()))
                sys.stderr.flush()
                os.kill(os.getpid(), signal.SIGINT)
                return
        time.sleep(INTERVAL)


thread = threading.Thread(target=watch, name="wsgi-httpd-reloader")
thread.daemon = True
thread.start()
