# -*- coding: utf-8 -*-
"""A page that shows where it runs. Standard library only; Python 2.7 and 3."""

import itertools
import os
import platform
import sys
import threading

try:
    from html import escape
except ImportError:  # Python 2
    from cgi import escape

requests = itertools.count(1)

PAGE = u"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>wsgi-httpd demo</title>
<link rel="icon" href="/static/logo.svg">
<link rel="stylesheet" href="/static/demo.css">
<header><img src="/static/logo.svg" alt="" width="48" height="48"> <h1>wsgi-httpd demo</h1></header>
<p>This is a WSGI application. %(place)s</p>
<dl>
  <dt>Python</dt><dd>%(python)s</dd>
  <dt>Process</dt><dd>%(pid)d, thread %(thread)s, of user %(uid)d</dd>
  <dt>Process group</dt><dd>%(process_group)s</dd>
  <dt>Application group</dt><dd>%(application_group)s</dd>
  <dt>Requests here</dt><dd>%(count)d since this interpreter loaded the script</dd>
</dl>
<p>Go to: <a href="/">the daemon process</a> · <a href="/embedded">the embedded interpreter</a> · <a href="/static/">static files</a>
  · <a href="/some/path?and=query">a longer path</a></p>
<h2>Try</h2>
<p>Change the text of <code>%(script)s</code> and load the page again: the process is replaced, the counter starts anew.</p>
<h2>environ</h2>
<table>%(rows)s</table>
</html>
"""

ROW = u"<tr><th>%s</th><td>%s</td></tr>"


def text(value):
    """`value` as text: environ holds byte strings in Python 2."""
    return value.decode("latin-1") if isinstance(value, bytes) else u"%s" % (value,)


def application(environ, start_response):
    group = environ.get("mod_wsgi.process_group", "")
    rows = sorted((key, repr(value)) for key, value in environ.items() if isinstance(key, str))
    page = PAGE % {
        "place": u"It runs in a daemon process." if group else u"It runs embedded, inside the server process.",
        "python": escape(text("%s %s" % (platform.python_implementation(), sys.version.split()[0]))),
        "pid": os.getpid(),
        "thread": escape(text(threading.current_thread().name)),
        "uid": os.getuid(),
        "process_group": escape(text(repr(group))),
        "application_group": escape(text(repr(environ.get("mod_wsgi.application_group", "")))),
        "count": next(requests),
        "script": escape(text(environ.get("SCRIPT_FILENAME", __file__))),
        "rows": u"".join(ROW % (escape(text(key)), escape(text(value))) for key, value in rows),
    }
    body = page.encode("utf-8")
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
