"""The page of a server that was started without a script."""

PAGE = b"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>wsgi-httpd works</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem; color: #223 }
  pre { background: #f3f4f8; padding: 1rem; overflow: auto }
</style>
<h1>wsgi-httpd works</h1>
<p>This page comes from a WSGI application that is part of the server. To serve your own, write it to a file</p>
<pre># app.wsgi
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'Hello World']</pre>
<p>and start the server with it:</p>
<pre>wsgi-httpd start-server app.wsgi</pre>
<p><code>wsgi-httpd start-server --help</code> lists all options.</p>
</html>
"""


def application(environ, start_response):
    if environ.get("PATH_INFO", "") not in ("", "/"):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"There is only one page here: /\n"]
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))])
    return [PAGE]
