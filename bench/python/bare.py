"""
What a WSGI application costs without any server: it is called again and again with an environ as servers make it, and its response is
consumed as they do it.

    python bare.py DIRECTORY

DIRECTORY holds `hello.py`. Each line of standard input is a path and a number of seconds; the answer is a line with the number of calls and
the CPU time that they took together, user and system, in microseconds. The garbage that the application leaves is counted; what the loop and the
environs themselves take is not: the same is done with an application that does nothing, in turns, and subtracted.
"""
import io
import sys
import time

#: What a request of wrk's looks like in a daemon process.
ENVIRON = {
    'GATEWAY_INTERFACE': 'CGI/1.1',
    'SERVER_PROTOCOL': 'HTTP/1.1',
    'SERVER_SOFTWARE': 'Apache',
    'SERVER_SIGNATURE': '',
    'SERVER_NAME': '127.0.0.1',
    'SERVER_ADDR': '127.0.0.1',
    'SERVER_PORT': '8000',
    'SERVER_ADMIN': '[no address given]',
    'DOCUMENT_ROOT': '/srv/www',
    'CONTEXT_DOCUMENT_ROOT': '/srv/www',
    'CONTEXT_PREFIX': '',
    'REMOTE_ADDR': '127.0.0.1',
    'REMOTE_PORT': '40000',
    'REQUEST_METHOD': 'GET',
    'REQUEST_SCHEME': 'http',
    'QUERY_STRING': '',
    'SCRIPT_NAME': '',
    'HTTP_HOST': '127.0.0.1:8000',
    'wsgi.version': (1, 0),
    'wsgi.url_scheme': 'http',
    'wsgi.errors': sys.stderr,
    'wsgi.multithread': True,
    'wsgi.multiprocess': False,
    'wsgi.run_once': False,
    'wsgi.input_terminated': True,
}
#: Calls until the other application has its turn.
BATCH = 200


def start_response(status, headers, exc_info=None):
    return None


def environ_for(path):
    environ = dict(ENVIRON)
    environ.update(PATH_INFO=path, REQUEST_URI=path, SCRIPT_FILENAME='/srv/www/hello.py')
    environ['wsgi.input'] = io.BytesIO()
    return environ


def nothing(environ, start_response):
    return ()


def call(application, path):
    """Calls a batch of times. Returns CPU seconds."""
    began = time.process_time()
    for _ in range(BATCH):
        response = application(environ_for(path), start_response)
        try:
            for _ in response:
                pass
        finally:
            if hasattr(response, 'close'):
                response.close()
    return time.process_time() - began


def run(application, path, seconds):
    calls, used, until = 0, 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        used += call(application, path) - call(nothing, path)
        calls += BATCH
    return calls, used


def check(application, path):
    """A page that fails costs something else."""
    said = []
    response = application(environ_for(path), lambda status, headers, exc_info=None: said.append(status))
    body = b''.join(response)
    if hasattr(response, 'close'):
        response.close()
    if said != ['200 OK'] or not body.startswith(b'Hello'):
        raise SystemExit('%s: %s %r' % (path, said, body[:200]))


def main(directory):
    sys.path.insert(0, directory)
    from hello import application
    for line in iter(sys.stdin.readline, ''):
        path, seconds = line.split()
        check(application, path)
        calls, used = run(application, path, float(seconds))
        print('%d %d' % (calls, used * 1e6))
        sys.stdout.flush()


main(sys.argv[1])
