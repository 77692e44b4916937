"""The main thread of a runtime process: obeys the parent, accepts lanes, hands them to interpreters, ends the process."""
import errno
import fcntl
import json
import os
import signal
import socket
import sys
import time

from . import deadlock, forked, service, system, wire, zygote
from .compat import PY2, adopt_socket, allocate_lock, is_same, keep_from_programs, monotonic, start_new_thread
from .host import Host
from .interpreters import AVAILABLE as HAVE_SUBINTERPRETERS, CannotMake, Guest
from .limits import apply_limits
from .options import resolve
from .poller import Poller
from .prepare import native_text, prepare_process
from .progress import REGIONS, Progress
from .questions import Gathering
from .stderr import ErrorStream, receive
from .telemetry import Telemetry

HELLO_MAX_BYTES = 4096
# Whoever makes connections that are refused cannot fill the log.
STRANGERS_NOTED_SECONDS = 60
# How often a process that drains looks whether it is done.
DRAIN_POLL_SECONDS = 0.01
# Until a connection is tried again that could not be accepted.
ACCEPT_PAUSE_SECONDS = 0.05

# Questions for the metrics of all interpreters that may be open at a time.
GATHERINGS_MAX = 64

DEFAULTS = {
    'mode': 'daemon', 'process_group': '', 'main_group': None, 'threads': 1, 'processes': 1, 'multiprocess': False,
    'multithread': True, 'maximum_requests': 0, 'shutdown_timeout': 5, 'server_version': [0, 0, 0],
    'server_software': '', 'restrict_signal': True, 'destroy_interpreter': True, 'application_group_limit': 0, 'deadlock_timeout': 300,
}


def native(value):
    """JSON's text as native strings, at any depth."""
    if isinstance(value, dict):
        return dict((native(key), native(item)) for key, item in value.items())
    if isinstance(value, list):
        return [native(item) for item in value]
    return native_text(value) if not isinstance(value, (int, float, type(None))) else value


class Process(object):
    def __init__(self, given, home):
        for fd in ('control', 'listen', 'progress'):
            if fd in given:
                keep_from_programs(given[fd])
        self.home = home
        self.given = given
        self.control = adopt_socket(given['control'])
        self.control_lock = allocate_lock()
        self.control_rest = b''
        self.error_stream = ErrorStream()
        self.progress_fd = given.get('progress')
        self.settings = dict(DEFAULTS)
        self.main_group = None
        self.hosts = {}
        self.guests = []
        self.gatherings = {}
        self.recording = False
        self.telemetry = None
        self.channels = {}
        self.next_channel = 1
        self.free_regions = list(range(REGIONS))
        self.greeting = {}
        self.accepts = True
        self.strangers_noted_at = None
        self.gate = None
        self.signals = []
        self.shows_stacks = False
        self.pending_reason = None
        self.last_activity = None
        self.leaving = None
        self.stopping = None
        self.poller = Poller()
        self.wake_read, self.wake_write = os.pipe()

    # -- life ------------------------------------------------------------------------------------------------------

    def run(self):
        message = self.first_message()
        if message is None:
            return 1
        self.settings.update(native(message))
        settings = self.settings
        # Inside a server worker. Embedded mode is that, or a process beside it for one application group (Python before 3.8).
        self.inside = settings['inside'] = self.given.get('embedded', False)
        if self.inside:
            settings['mode'] = 'embedded'
            # Python took SIGINT only where the program had no handler of its own: give it back.
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
            forked.release_signals_of_children(None)
        else:
            system.die_with_parent()
            if settings.get('display_name'):
                system.set_title(settings['display_name'])
            self.take_signals()
        problems = list(prepare_process(settings)) + list(apply_limits(settings))
        for_main, notes = resolve(settings, settings['main_group'] or '', True)
        problems += notes
        if not settings['threads']:
            # A service process: its scripts are the program, and may handle signals.
            for_main['restrict_signal'] = False
            # Nor may there be two of it at a time, one of them just starting.
            for_main['resident_memory_limit'] = 0
        self.main = Host(for_main, '', self.progress_fd, self.notify)
        self.progress = Progress(self.progress_fd)
        self.main_group = settings['main_group']
        self.hosts[''] = self.main
        if self.main_group:
            self.hosts[self.main_group] = self.main
            sys.modules['mod_wsgi'].application_group = self.main_group
        for problem in problems:
            self.log('warn', problem)
        if settings.get('zygote'):
            self.preload_main()
            self.become(zygote.serve(self.control, self.tell, self.log, self.error_stream.replace))
        self.listener = adopt_socket(self.given['listen'])
        self.listener.setblocking(False)
        if settings.get('heartbeat') and not self.inside:
            start_new_thread(self.beat, (settings['heartbeat'],))
        if not settings['threads']:
            return service.run(self)
        for fd in (self.control.fileno(), self.listener.fileno(), self.wake_read):
            self.poller.add(fd)
        sizes = ((socket.SO_SNDBUF, settings.get('send_buffer_size')), (socket.SO_RCVBUF, settings.get('receive_buffer_size')))
        self.buffers = [(option, size) for option, size in sizes if size]
        if settings.get('telemetry'):
            self.report()
        self.preload()
        self.main.questions.read_here()
        return self.loop()

    def become(self, descriptors):
        """What a forked process has to do differently from the one that it was forked from."""
        control, self.given['listen'], self.progress_fd = descriptors
        self.control = adopt_socket(control)
        # A thread that a script has started may have been speaking at that moment.
        self.control_lock = allocate_lock()
        self.poller = Poller()
        for fd in (self.wake_read, self.wake_write):
            os.close(fd)
        self.wake_read, self.wake_write = os.pipe()
        self.progress = Progress(self.progress_fd)
        system.die_with_parent()
        message = self.first_message()
        if message is None:
            os._exit(0)
        self.settings['lane_secret'] = native(message).get('lane_secret')
        self.take_signals()
        for problem in apply_limits(dict(self.settings, zygote=False)):
            self.log('warn', problem)
        self.main.reopen(self.progress)

    def log(self, level, text):
        self.main.streams.process_line(text, level)

    def preload(self):
        """Loads the scripts that are to be there before the first request; `ready` is said when all have been."""
        wanted = self.preload_main()
        if not HAVE_SUBINTERPRETERS:
            # The other groups have processes of their own, which load these scripts.
            wanted = {}
        self.preloading = len(wanted)
        for group, imports in wanted.items():
            try:
                self.host(group, imports)
            except (ValueError, RuntimeError) as error:
                self.preloading -= 1
                self.log('crit', "Cannot acquire interpreter '%s': %s" % (group, error))
        self.say_ready()

    def preload_main(self):
        """Loads the main interpreter's scripts that are not there yet; returns the imports of the others by their groups."""
        wanted = {}
        for item in self.settings.get('imports') or ():
            wanted.setdefault(item['application_group'], []).append(item)
        ends = (signal.SIGTERM, signal.SIGINT)
        self.main.preload(wanted.pop('', []) + wanted.pop(self.main_group, []),
                          lambda: any(number in ends for number in self.signals))
        return wanted

    def say_ready(self):
        if self.preloading == 0:
            self.tell({'type': 'ready', 'pid': os.getpid(), 'version': '%d.%d.%d' % sys.version_info[:3],
                       'subinterpreters': HAVE_SUBINTERPRETERS, 'shows_stacks': self.shows_stacks})

    def beat(self, seconds):
        """Tells the parent that Python code can run here; a process that is silent for `deadlock-timeout` is replaced.

        An interpreter whose GIL is its own may hang while this one runs: the parent is told so. What counts is beats, not time, so that
        a process that was stopped as a whole does not blame its interpreters.
        """
        while True:
            self.tell({'type': 'alive'})
            for guest in list(self.guests):
                guest.silent = guest.silent + 1 if guest.is_silent() else 0
                if guest.silent and guest.silent * seconds >= self.settings['deadlock_timeout']:
                    self.tell({'type': 'deadlock', 'application_group': guest.group})
            time.sleep(seconds)

    def take_signals(self):
        own = os.getpid()

        def heard(number, frame):
            if os.getpid() == own:
                self.signals.append(number)
            else:
                # A child that the application has forked, with a Python that did not notice.
                forked.release_signals(heard)
                os.kill(os.getpid(), number)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGXCPU):
            zygote.set_handler(number, heard)
            # Python 2.7 would hand EINTR to whichever pool thread the kernel picks.
            signal.siginterrupt(number, False)
        # And whichever thread it is, the main thread has to wake up.
        flags = fcntl.fcntl(self.wake_write, fcntl.F_GETFL)
        fcntl.fcntl(self.wake_write, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        signal.set_wakeup_fd(self.wake_write)
        forked.release_signals_of_children(heard)
        self.shows_stacks = deadlock.show_stacks_on_signal()

    def obey(self, number):
        """Acts on a signal, on the main thread. SIGHUP and SIGUSR2 are for applications that subscribed to them."""
        if number in (signal.SIGTERM, signal.SIGINT):
            self.pending_reason = 'shutdown_signal'
        elif number == signal.SIGXCPU:
            self.retire_all('cpu_time_limit')
        elif number == signal.SIGUSR1:
            # The parent starts another process first, and lets this one serve meanwhile.
            reason = 'eviction_signal' if self.settings.get('eviction_timeout') else 'graceful_signal'
            self.tell({'type': 'leaving', 'reason': reason})
        else:
            self.main.signal(number)
            for guest in self.guests:
                guest.signal(number)

    def loop(self):
        if b'\n' in self.control_rest:
            # It came with the first message.
            self.hear()
        while True:
            for fd in self.poller.wait(DRAIN_POLL_SECONDS if self.leaving else -1):
                if fd == self.control.fileno():
                    self.hear()
                elif fd == self.listener.fileno():
                    self.accept()
                elif fd == self.wake_read:
                    os.read(self.wake_read, 64)
                elif fd in self.greeting:
                    self.greet(fd)
                else:
                    for guest in self.guests:
                        if guest.outbox == fd:
                            for message in guest.messages():
                                self.guest_says(guest, message)
            while self.signals:
                self.obey(self.signals.pop(0))
            if self.pending_reason and not self.stopping:
                self.stop(self.pending_reason)
            if self.leaving and self.main.drained() and all(guest.drained() for guest in self.guests):
                if not self.stuck():
                    return self.finish()
                # Requests beyond request-timeout hold nothing up any longer, but have shutdown-timeout like others.
                if not self.stopping:
                    self.stop(self.leaving)

    def stuck(self):
        """Whether requests are left that have run for longer than request-timeout."""
        return self.main.crew.stuck() or any(guest.stuck for guest in self.guests)

    def stop(self, reason):
        """Orderly shutdown: what has not begun goes back, what runs may finish in time."""
        self.stopping = reason
        self.tell({'type': 'leaving', 'reason': reason})
        seconds = self.settings['shutdown_timeout']
        if seconds:
            start_new_thread(self.force, (seconds,))
        self.leave('shutdown', reason)

    def force(self, seconds):
        time.sleep(seconds)
        self.log('warn', "Aborting process '%s': its shutdown took longer than %s seconds."
                 % (self.settings['process_group'], seconds))
        self.exit(True)

    def leave(self, reason, why):
        """Nothing new begins in any interpreter; the loop ends when nothing runs."""
        if self.leaving:
            return
        self.leaving = reason
        if self.telemetry is not None:
            self.telemetry.stopping(why)
        if self.main.crew.draining is None:
            self.main.crew.retire(reason)
        self.main.stopping(why)
        for guest in self.guests:
            guest.retire(reason, why)

    def finish(self):
        if not self.stopping:
            self.stopping = self.leaving
            self.tell({'type': 'leaving', 'reason': 'retire'})
            if self.settings['shutdown_timeout']:
                start_new_thread(self.force, (self.settings['shutdown_timeout'],))
        self.main.crew.hang_up()
        if self.settings['destroy_interpreter']:
            for guest in self.guests:
                guest.finish(self.notify)
            self.main.finish()
        self.exit(False)

    def exit(self, forced):
        """Ends the process; embedded, says so and lets the worker do it, whose process this is."""
        if self.telemetry is not None:
            self.telemetry.stopped(not forced)
        if not self.inside:
            os._exit(0)
        self.tell({'type': 'stopped', 'forced': forced})
        while True:
            time.sleep(3600)

    # -- the parent ------------------------------------------------------------------------------------------------

    def first_message(self):
        while b'\n' not in self.control_rest:
            chunk = self.receive()
            if not chunk:
                return None
            self.control_rest += chunk
        line, _, self.control_rest = self.control_rest.partition(b'\n')
        message = json.loads(line.decode('utf-8'))
        return message if message.get('type') == 'configure' else None

    def hear(self):
        for message in self.messages():
            if message.get('type') == 'stop' and not self.stopping:
                self.stop(message.get('reason') or 'shutdown_signal')
            elif message.get('type') == 'retire':
                self.leave('retire', message.get('reason') or 'retire')
            elif message.get('type') == 'server_metrics':
                self.answer(message)
            elif message.get('type') == 'stacks':
                self.write_stacks()

    def messages(self):
        """What the parent has said; waits for something if there is nothing."""
        if b'\n' not in self.control_rest:
            try:
                chunk = self.receive()
            except (OSError, IOError):
                chunk = b''
            if not chunk:
                # The parent is dead. Nobody is left to answer to, and it may be starting anew already.
                self.exit_at_once()
            self.control_rest += chunk
        lines = self.control_rest.split(b'\n')
        self.control_rest = lines.pop()
        return [native(json.loads(line.decode('utf-8'))) for line in lines]

    def receive(self):
        chunk, fd = receive(self.control, 65536)
        if fd is not None:
            keep_from_programs(fd)
            self.error_stream.replace(fd)
        return chunk

    def exit_at_once(self):
        os._exit(0)

    def tell(self, message):
        data = json.dumps(message).encode('ascii') + b'\n'
        with self.control_lock:
            try:
                self.control.sendall(data)
            except (OSError, IOError):
                pass

    def notify(self, message):
        """Messages from crews; any thread."""
        kind = message['type']
        if kind == 'lane_closed':
            self.lane_closed(message['channel'])
        elif kind == 'retire_all':
            self.retire_all(message['reason'])
        elif kind == 'activity':
            self.note_activity(message['at'])
        elif kind == 'expired':
            self.expired(message['reason'])
        elif kind == 'record':
            self.record()
        elif kind == 'gather':
            self.gather(message)
        else:
            self.tell(message)

    def guest_says(self, guest, message):
        if message['type'] == 'drained':
            guest.is_drained = True
            guest.stuck = message['stuck']
        elif message['type'] == 'preloaded':
            if guest.preloads:
                self.preloading -= 1
                self.say_ready()
        elif message['type'] == 'part':
            key = (message['asker'], message['number'])
            gathering = self.gatherings.get(key)
            if gathering is not None and gathering.add(message['part']):
                self.gatherings.pop(key, None)
        elif 'asker' in message:
            self.notify(dict(message, asker=self.guests.index(guest) + 1))
        else:
            self.notify(message)

    # -- metrics ---------------------------------------------------------------------------------------------------

    def record(self):
        self.recording = True
        self.main.events.record()
        for guest in self.guests:
            guest.tell({'type': 'record'})

    def report(self):
        """`WSGITelemetryService`: counts, and sends what was counted."""
        try:
            self.telemetry = Telemetry(self.settings, self.main)
        except (OSError, IOError) as error:
            self.log('warn', 'WSGI0132: Telemetry reporter could not open its socket: %s' % error)
            return
        self.record()
        self.telemetry.start()

    def gather(self, message):
        """Asks all interpreters for what they have counted; their answers make one."""
        guests = list(self.guests)
        key = (message['asker'], message['number'])
        gathering = Gathering(self.main.part(message['reset']), len(guests),
                              lambda parts: self.answer(dict(message, value=parts)))
        if guests:
            # of askers that have given up since
            while len(self.gatherings) >= GATHERINGS_MAX:
                self.gatherings.pop(next(iter(self.gatherings)), None)
            self.gatherings[key] = gathering
        for guest in guests:
            guest.tell({'type': 'part', 'asker': message['asker'], 'number': message['number'], 'reset': message['reset']})

    def answer(self, message):
        """Passes an answer to the interpreter that has asked."""
        asker = message['asker']
        if asker == 0:
            self.main.questions.answered(message)
        elif 0 < asker <= len(self.guests):
            self.guests[asker - 1].tell(message)

    def write_stacks(self):
        """What all threads are doing. Of threads with a GIL of their own nobody can ask without stopping them."""
        if any(guest.has_own_gil for guest in self.guests):
            self.log('notice', 'There are no stacks of processes whose interpreters have a GIL of their own (WSGIPerInterpreterGIL).')
            return
        self.main.write_stacks()
        for guest in self.guests:
            guest.tell({'type': 'stacks'})

    def note_activity(self, at):
        """From the timers of all interpreters. A process that has not served anything has nothing to give back."""
        self.last_activity = max(at, self.last_activity or 0)
        if monotonic() - self.last_activity >= self.settings['inactivity_timeout']:
            self.retire_all('inactivity_timeout')

    def expired(self, reason):
        if reason == 'startup_timeout':
            self.pending_reason = reason
            os.write(self.wake_write, b'e')
        else:
            self.retire_all(reason)

    def retire_all(self, reason):
        if not self.leaving:
            self.tell({'type': 'leaving', 'reason': reason})
            self.leave(reason, reason)
            os.write(self.wake_write, b'r')

    # -- lanes -----------------------------------------------------------------------------------------------------

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except (OSError, IOError) as error:
                if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR, errno.ECONNABORTED):
                    self.accepts = True
                    return
                if self.accepts:
                    self.accepts = False
                    self.log('error', 'cannot accept a lane: %s' % error)
                # It stays where it is (no descriptor may be free), and the main loop would do nothing else than come here again.
                time.sleep(ACCEPT_PAUSE_SECONDS)
                return
            self.accepts = True
            sock.setblocking(False)
            if PY2:
                # Python 3 does so by itself.
                keep_from_programs(sock.fileno())
            for option, size in self.buffers:
                sock.setsockopt(socket.SOL_SOCKET, option, size)
            self.greeting[sock.fileno()] = sock
            self.poller.add(sock.fileno())

    def greet(self, fd):
        """Reads the first line of a new connection and not a byte more: what follows belongs to the lane."""
        sock = self.greeting[fd]
        try:
            seen = sock.recv(HELLO_MAX_BYTES, socket.MSG_PEEK)
            end = seen.find(b'\n')
            if end < 0 and seen and len(seen) < HELLO_MAX_BYTES:
                return
            hello = native(json.loads(sock.recv(end + 1).decode('utf-8'))) if end >= 0 else None
        except (OSError, IOError) as error:
            if error.errno in (errno.EAGAIN, errno.EINTR):
                return
            hello = None
        except ValueError:
            hello = None
        self.poller.remove(fd)
        del self.greeting[fd]
        sock.setblocking(True)
        if not isinstance(hello, dict):
            sock.close()
            return
        if not self.is_from_server(hello):
            sock.close()
            self.note_stranger()
            return
        try:
            self.connect(sock, hello)
        except Exception as error:
            text = '%s' % error
            status = getattr(error, 'status', None)
            if status != 503:
                self.log('crit', "Cannot acquire interpreter '%s': %s" % (hello.get('application_group'), text))
            reply = json.dumps({'error': text, 'status': status}).encode('ascii')
            try:
                sock.sendall(wire.frame(wire.R_HELLO, 0, 0, reply))
            except (OSError, IOError):
                pass
            sock.close()

    def is_from_server(self, hello):
        """Others that run as the server's user can connect, too; who has a lane may name any script."""
        secret, given = self.settings.get('lane_secret'), hello.get('secret')
        return bool(secret) and isinstance(given, str) and is_same(given, secret)

    def note_stranger(self):
        now = monotonic()
        if self.strangers_noted_at is None or now - self.strangers_noted_at >= STRANGERS_NOTED_SECONDS:
            self.strangers_noted_at = now
            self.log('error', 'A connection was closed that did not come from the server.')

    def connect(self, sock, hello):
        if hello.get('lane') != 'control':
            host = self.channels.get(hello.get('channel'))
            if host is None:
                sock.close()
            else:
                host[0].connected(sock, hello)
            return
        if hello.get('protocol') != wire.PROTOCOL:
            raise ValueError('protocol %r is not spoken here' % (hello.get('protocol'),))
        group = hello.get('application_group') or ''
        host = self.host(group, from_request=hello.get('from_request'))
        number = self.next_channel
        self.next_channel += 1
        region = self.free_regions.pop(0) if self.free_regions and self.progress_fd is not None else -1
        self.progress.clear(region)
        self.channels[number] = (host, region)
        host.connected(sock, dict(hello, number=number, region=region, application_group=group, details={
            'pid': os.getpid(), 'version': '%d.%d.%d' % sys.version_info[:3], 'threads': self.settings['threads'],
            'region': region}))

    def lane_closed(self, number):
        host, region = self.channels.pop(number, (None, -1))
        if region >= 0:
            self.free_regions.append(region)

    def host(self, group, preload=(), from_request=False):
        """The interpreter of an application group, made now if it is new.

        `from_request`: the name came about by a request, so clients might make any number of them.
        """
        found = self.hosts.get(group)
        if found is not None:
            return found
        if not HAVE_SUBINTERPRETERS:
            raise ValueError('Python %d.%d has no sub-interpreters, so this process serves application group %r only'
                             % (sys.version_info[0], sys.version_info[1], self.main_group or ''))
        if self.leaving:
            raise ValueError('the process is shutting down')
        limit = self.settings['application_group_limit']
        if from_request and sum(1 for guest in self.guests if guest.from_request) >= limit:
            raise CannotMake("there are %d application groups already whose names came from requests, as many as "
                             "WSGIHttpdApplicationGroupLimit allows" % limit, 503)
        settings, problems = resolve(self.settings, group, False)
        for problem in problems:
            self.log('warn', problem)
        gate = self.open_gate() if self.settings['threads'] else None
        settings['recording'] = self.recording
        # That of the process, which the main interpreter watches.
        settings['resident_memory_limit'] = 0
        guest = Guest(settings, group, self.progress_fd, gate, self.home, list(preload))
        guest.preloads = bool(preload)
        guest.from_request = from_request
        self.guests.append(guest)
        self.poller.add(guest.outbox)
        self.hosts[group] = guest
        return guest

    def open_gate(self):
        """Tokens for as many requests as there are threads; made when there is a second interpreter to share with."""
        if self.gate is None:
            from .gate import Gate
            reader, writer = self.gate = os.pipe()
            crew = self.main.crew
            # In this order: who does not see the gate is seen here.
            crew.gate = Gate(reader, writer)
            running = [(slot, slot.request) for slot in crew.slots if slot.request is not None]
            os.write(writer, b't' * (self.settings['threads'] - len(running)))
            start_new_thread(self.token_for_each, (running, writer))
        return self.gate

    def token_for_each(self, running, writer):
        """Requests that began before there were tokens give theirs back through this thread.

        One that has come to the gate all the same had only just begun when they were counted: it takes a token like any other.
        """
        while running:
            left = [(slot, request) for slot, request in running if slot.request is request and not request.gated]
            if len(left) < len(running):
                os.write(writer, b't' * (len(running) - len(left)))
            running = left
            time.sleep(0.005)
