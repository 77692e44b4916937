"""The Python half of the service: any WSGI application stands here, such as Django's get_wsgi_application()."""
import os


def application(environ, start_response):
    size = sum(len(block) for block in iter(lambda: environ['wsgi.input'].read(65536), b''))
    text = '%s: %s %s, a body of %d bytes, process %d\n' % (
        os.environ['GREETING'], environ['REQUEST_METHOD'], environ['PATH_INFO'], size, os.getpid())
    start_response('200 OK', [('Content-Type', 'text/plain; charset=utf-8')])
    return [text.encode('utf-8')]
