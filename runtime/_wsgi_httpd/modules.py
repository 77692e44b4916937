"""The modules `mod_wsgi` and `apache`, which applications may import in every interpreter."""
import logging
import sys
import types

from . import wire
from .filewrapper import FileWrapper

LEVELS = ((logging.CRITICAL, wire.L_CRIT), (logging.ERROR, wire.L_ERROR), (logging.WARNING, wire.L_WARN),
          (logging.INFO, wire.L_INFO))


class RequestTimeout(BaseException):
    """Raised inside a request that runs for too long. Not an Exception, so that handlers for errors let it pass."""


def install(settings, group, streams, handle):
    """Makes both modules importable. A package of the same name, where there is one, is extended instead."""
    version = tuple(settings['server_version'])

    class LogHandler(logging.Handler):
        """Logs records at their own level, in the request they belong to."""

        def emit(self, record):
            try:
                level = next((level for least, level in LEVELS if record.levelno >= least), wire.L_DEBUG)
                request = streams.request()
                for line in self.format(record).split('\n'):
                    if request is not None:
                        request.log(level, line)
                    else:
                        streams.process_line(line, wire.LEVEL_NAMES[level])
            except Exception:
                self.handleError(record)

    def request_data():
        """A dictionary that lives as long as the current request."""
        request = streams.request()
        if request is None:
            raise RuntimeError('no active request for current thread')
        if request.scratch is None:
            request.scratch = {}
        return request.scratch

    for cls in (FileWrapper, LogHandler, RequestTimeout):
        cls.__module__ = 'mod_wsgi'
    common = {
        'version': version,
        'maximum_processes': settings['processes'],
        'threads_per_process': settings['threads'],
    }
    _extend('mod_wsgi', dict(
        common, process_group=settings['process_group'], application_group=group, FileWrapper=FileWrapper,
        RequestTimeout=RequestTimeout, LogHandler=LogHandler, request_data=request_data,
        Restricted=handle['Restricted']))
    _extend('apache', dict(
        common, description=settings.get('server_software', ''), mpm_name='wsgi-httpd', build_date=''))


def _extend(name, attributes):
    try:
        module = __import__(name)
    except Exception:
        module = sys.modules[name] = types.ModuleType(name)
    module.__dict__.update(attributes)
