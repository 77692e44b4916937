"""Runs inside a sub-interpreter: takes connections from the main interpreter through a pipe of JSON lines."""
import json
import os
import time

from .compat import allocate_lock, retry_interrupted, start_new_thread
from .host import Host


def start(text):
    """Called once, by the main interpreter. `text` is JSON: settings, group and descriptors."""
    given = json.loads(text)
    inbox, outbox, lock = given['inbox'], given['outbox'], allocate_lock()

    def notify(message):
        data = json.dumps(message).encode('ascii') + b'\n'
        with lock:
            while data:
                data = data[retry_interrupted(os.write, outbox, data):]

    host = Host(given['settings'], given['group'], given['progress'], notify, given['gate'])
    if given['beats'] is not None:
        start_new_thread(beat, (given['beats'], given['settings']['heartbeat']))
    start_new_thread(receive, (host, inbox, notify, given['preload']))


def beat(fd, seconds):
    """Shows that Python code can run in this interpreter."""
    while True:
        os.write(fd, b'b')
        time.sleep(seconds)


def receive(host, inbox, notify, preload):
    # Not in start(): the main interpreter waits for that, and could not take what the scripts log.
    host.preload(preload)
    notify({'type': 'preloaded'})
    host.questions.read_here()
    rest = b''
    while True:
        chunk = retry_interrupted(os.read, inbox, 65536)
        if not chunk:
            return
        lines = (rest + chunk).split(b'\n')
        rest = lines.pop()
        for line in lines:
            message = json.loads(line.decode('ascii'))
            try:
                if message['type'] == 'connected':
                    host.connected_fd(message['fd'], message['hello'])
                elif message['type'] == 'retire':
                    host.crew.retire(message['reason'])
                    host.stopping(message['why'])
                    start_new_thread(tell_when_drained, (host, notify))
                elif message['type'] == 'record':
                    host.events.record()
                elif message['type'] == 'part':
                    notify(dict(message, part=host.part(message['reset'])))
                elif message['type'] in ('gather', 'server_metrics'):
                    host.questions.answered(message)
                elif message['type'] == 'stacks':
                    host.write_stacks()
                elif message['type'] == 'signal':
                    host.signal(message['number'])
                elif message['type'] == 'finish':
                    # On this thread: up to Python 3.11 no code can be sent to an interpreter that has threads.
                    host.finish()
                    notify({'type': 'finished'})
                    return
            except Exception as error:
                notify({'type': 'log', 'level': 'error', 'text': 'sub-interpreter: %r' % (error,)})
                if message['type'] == 'finish':
                    notify({'type': 'finished'})


def tell_when_drained(host, notify):
    while not host.drained():
        time.sleep(0.01)
    host.crew.hang_up()
    notify({'type': 'drained', 'stuck': host.crew.stuck()})
