"""
Hello world in Django and in Flask at /django and /flask. Django is set up as `startproject` does it. The frameworks lie in `packages` beside
this file, so that every server finds the same ones. /timed/django and /timed/flask do the same and note what it takes, inside the server;
/spent/django and /spent/flask tell what was noted.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'packages'))

import flask  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

GREETING = 'Hello, world!\n'

settings.configure(
    SECRET_KEY='benchmark',
    DEBUG=False,
    ALLOWED_HOSTS=['*'],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        'django.contrib.admin',
        'django.contrib.auth',
        'django.contrib.contenttypes',
        'django.contrib.sessions',
        'django.contrib.messages',
        'django.contrib.staticfiles',
    ],
    MIDDLEWARE=[
        'django.middleware.security.SecurityMiddleware',
        'django.contrib.sessions.middleware.SessionMiddleware',
        'django.middleware.common.CommonMiddleware',
        'django.middleware.csrf.CsrfViewMiddleware',
        'django.contrib.auth.middleware.AuthenticationMiddleware',
        'django.contrib.messages.middleware.MessageMiddleware',
        'django.middleware.clickjacking.XFrameOptionsMiddleware',
    ],
)


def greet(request):
    return HttpResponse(GREETING, content_type='text/plain')


urlpatterns = [path('django', greet), path('timed/django', greet)]
in_django = get_wsgi_application()
in_flask = flask.Flask(__name__)


@in_flask.route('/flask')
@in_flask.route('/timed/flask')
def greet_from_flask():
    return flask.Response(GREETING, content_type='text/plain')


def text(start_response, body):
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]


def ready(environ, start_response):
    """Tells that the server has started."""
    return text(start_response, GREETING.encode())


def timed(application):
    """Returns the application with its thread's CPU time noted, to the end of its response, and what tells the mean in microseconds."""
    noted = []

    def call(environ, start_response):
        began = time.thread_time()
        response = application(environ, start_response)
        body = list(response)
        response.close()
        noted.append(time.thread_time() - began)
        return body

    def tell(environ, start_response):
        mean = 1e6 * sum(noted) / len(noted) if noted else float('nan')
        return text(start_response, b'%f' % mean)

    return call, tell


PAGES = {'/django': in_django, '/flask': in_flask}
PAGES['/timed/django'], PAGES['/spent/django'] = timed(in_django)
PAGES['/timed/flask'], PAGES['/spent/flask'] = timed(in_flask)


def application(environ, start_response):
    return PAGES.get(environ['PATH_INFO'], ready)(environ, start_response)
