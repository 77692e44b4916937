"""The application of all benchmarks. What it does is chosen by the path; the file of /file lies beside it."""
import os
import time

BLOCK = b'x' * 16384
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'file.bin')


def plain(start_response, body):
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]


def hello(environ, start_response):
    return plain(start_response, b'Hello, world!\n')


def sleep(environ, start_response):
    """A query to a database, say."""
    time.sleep(0.05)
    return plain(start_response, b'slept\n')


def block(environ, start_response):
    """Holds a thread until the benchmark is over."""
    time.sleep(float(environ.get('QUERY_STRING') or 1))
    return plain(start_response, b'blocked\n')


def blocks(environ, start_response):
    """1 MiB in blocks of 16 KiB."""
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(64 * len(BLOCK)))])
    return (BLOCK for _ in range(64))


def file(environ, start_response):
    stream = open(FILE, 'rb')
    size = str(os.fstat(stream.fileno()).st_size)
    start_response('200 OK', [('Content-Type', 'application/octet-stream'), ('Content-Length', size)])
    wrapper = environ.get('wsgi.file_wrapper')
    return wrapper(stream, 65536) if wrapper else iter(lambda: stream.read(65536), b'')


def upload(environ, start_response):
    stream, left = environ['wsgi.input'], int(environ.get('CONTENT_LENGTH') or 0)
    total = 0
    while total < left:
        piece = stream.read(min(65536, left - total))
        if not piece:
            break
        total += len(piece)
    return plain(start_response, b'%d\n' % total)


PAGES = {'/sleep': sleep, '/block': block, '/blocks': blocks, '/file': file, '/upload': upload}


def application(environ, start_response):
    return PAGES.get(environ['PATH_INFO'], hello)(environ, start_response)
