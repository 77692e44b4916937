"""One interpreter's side of a runtime process: its streams, scripts and crew. The same for main and sub-interpreters."""
import signal

from . import watch, wire
from .compat import adopt_socket, allocate_lock, start_new_thread
from .crew import Crew
from .events import Events
from .filewrapper import FileWrapper
from .gate import Gate
from .modules import offer_events
from .prepare import finish_interpreter, own_signals, prepare_interpreter
from .progress import Progress
from .questions import Questions
from .scripts import LoadFailed, Scripts
from .stacks import write_stacks
from .streams import Streams


class Preloaded(object):
    """Place and request in one, for a script that is loaded without a request."""
    read_at = 0

    def __init__(self, script, streams):
        self.script = script
        self.streams = streams

    def log(self, level, text):
        self.streams.process_line(text, wire.LEVEL_NAMES[level])


class Host(object):
    # Subscribers are being told of the end.
    telling = False

    def __init__(self, settings, group, progress_fd, notify, gate=None):
        self.progress = Progress(progress_fd)
        self.notify = notify
        self.streams = Streams(notify)
        embedded = settings['mode'] == 'embedded'
        prepare_interpreter(settings, group, self.streams)
        constants = {
            'wsgi.version': (1, 1),
            'wsgi.multithread': bool(settings['multithread']),
            'wsgi.multiprocess': bool(settings['multiprocess']),
            'wsgi.run_once': (not embedded and settings['threads'] == 1
                              and (settings.get('maximum_requests') or 0) == 1
                              and not settings.get('maximum_requests_jitter')),
            'wsgi.file_wrapper': FileWrapper,
            'wsgi.input_terminated': True,
            'mod_wsgi.version': tuple(settings['server_version']),
            'mod_wsgi.process_group': settings['process_group'],
            'apache.version': tuple(settings['server_version']),
        }
        self.crew = Crew(settings, group, Scripts(embedded), self.streams, constants, notify,
                         Gate(*gate) if gate else None)
        self.settings = settings
        if not settings.get('zygote'):
            self.start_watch()
        self.events = Events(self.crew, embedded)
        self.questions = Questions(notify)
        offer_events(self.events, self.questions, settings.get('server_metrics'), bool(settings.get('telemetry')))
        if settings.get('recording'):
            self.events.record()

    def preload(self, imports, unwanted=lambda: False):
        """Loads scripts before there are requests. One that fails is logged, and loaded again by its first request."""
        for item in imports:
            if unwanted():
                # The process has been told to end.
                return
            script = Preloaded(item['script'], self.streams)
            try:
                module = self.crew.scripts.load(script, script)
                if item.get('callable') is not None:
                    self.crew.scripts.check(module, script, item['callable'])
            except LoadFailed:
                self.notify({'type': 'unloaded', 'script': script.script})
                self.crew.scripts.awaited[script.script] = self.notify

    def start_watch(self):
        if watch.needed(self.settings) and self.settings['mode'] != 'embedded':
            watch.Watch(self.settings, self)

    def reopen(self, progress):
        """In a process that was forked with this interpreter in it: whatever both would share is made anew."""
        self.progress = progress
        self.crew.reopen()
        self.streams.reopen()
        # A thread that a script has started may have held them.
        for holder in (self.questions, self.events.recorder):
            if holder is not None:
                holder.lock = allocate_lock()
        own_signals()
        self.start_watch()

    def connected(self, sock, hello):
        """A connection whose first line was `hello`; for control lanes the process has added number and details."""
        kind = hello['lane']
        if kind == 'control':
            self.crew.add_control(sock, hello['number'], hello['application_group'], hello.get('worker', 0),
                                  self.progress.region(hello['region']), hello['details'], hello.get('lends'))
        elif kind == 'kick':
            self.crew.add_kick(sock, hello['channel'])
        else:
            self.crew.add_bulk(sock, hello['channel'], hello['index'])

    def connected_fd(self, fd, hello):
        self.connected(adopt_socket(fd), hello)

    def stopping(self, reason):
        """The process takes nothing new any more: tells those who subscribed, on a thread of its own."""
        if self.events.event_callbacks or self.events.shutdown_callbacks:
            self.telling = True
            start_new_thread(self.tell_stopping, (reason,))

    def tell_stopping(self, reason):
        try:
            self.events.stopping(reason)
        finally:
            self.telling = False

    def part(self, reset):
        """What this interpreter has counted, None where it does not."""
        recorder = self.events.recorder
        return None if recorder is None else recorder.part(reset)

    def write_stacks(self):
        write_stacks(self.crew)

    def signal(self, number):
        """SIGHUP or SIGUSR2 came, which mean nothing to the server."""
        if self.events.signal_callbacks:
            name = next(name for name in ('SIGHUP', 'SIGUSR2') if getattr(signal, name) == number)
            start_new_thread(self.events.signal, (number, name))

    def drained(self):
        """Whether nothing runs any more, and all who subscribed have heard of the end."""
        return not self.telling and self.crew.drained()

    def finish(self):
        finish_interpreter(self.streams)



