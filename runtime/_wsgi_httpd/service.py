"""A service process (`threads=0`): runs the import scripts of its group, which are its program, and serves no requests.

When the scripts have returned, the process ends, and the parent starts it again. SIGTERM raises SystemExit in the script.
"""
import os
import signal
import sys
import time
import traceback

from .compat import get_ident, start_new_thread
from .scripts import execute

# Between two signals to a script that has not been seen to take the first.
AGAIN_SECONDS = 0.2


def run(process):
    """The life of the process on its main thread, which alone sees signals."""
    state = {'stop': None, 'interrupted': False}
    status = 0

    def terminate(number, frame):
        # Once: what the script does about its end is not to be broken off by a signal that was on its way, too.
        if state['interrupted']:
            return
        state['interrupted'] = True
        if state['stop'] is None:
            state['stop'] = 'shutdown_signal'
            arm(process)
        raise SystemExit(0)

    send = sender(get_ident())
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, terminate)
        signal.siginterrupt(number, True)
    start_new_thread(obey, (process, state, lambda: interrupt(state, terminate, send)))
    process.preloading = 0
    process.say_ready()
    try:
        for item in process.settings.get('imports') or ():
            if item['application_group'] in ('', process.main_group):
                execute(item['script'])
            else:
                process.log('error', "A service process runs scripts of application group %%{GLOBAL} only: '%s' is left out."
                            % item['script'])
        reason = 'service_ended'
    except SystemExit:
        reason = state['stop'] or 'service_ended'
    except BaseException:
        reason = 'service_ended'
        status = 1
        explain(process)
    process.tell({'type': 'leaving', 'reason': reason})
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if state['stop'] is None:
        arm(process)
    process.main.finish()
    os._exit(status)


def arm(process):
    """From now on the end has `shutdown-timeout` seconds."""
    seconds = process.settings.get('shutdown_timeout')
    if seconds:
        start_new_thread(process.force, (seconds,))


def obey(process, state, interrupt_script):
    """What the parent says. Its orders become the signal that the script may have a handler for."""
    process.main.questions.read_here()
    while True:
        for message in process.messages():
            if message.get('type') == 'server_metrics':
                process.answer(message)
            elif message.get('type') == 'stacks':
                process.write_stacks()
            elif message.get('type') in ('stop', 'retire') and state['stop'] is None:
                state['stop'] = 'shutdown_signal'
                arm(process)
                start_new_thread(interrupt_script, ())


def interrupt(state, terminate, send):
    """SIGTERM for the main thread. A signal that comes just before a system call does not end it, so that our own handler is asked for again
    until it has run; one of the script's own gets the signal once.
    """
    send(signal.SIGTERM)
    while True:
        time.sleep(AGAIN_SECONDS)
        if state['interrupted'] or signal.getsignal(signal.SIGTERM) is not terminate:
            return
        send(signal.SIGTERM)


def sender(ident):
    """What sends signals to one thread. Those for the process may reach any other, which leaves a system call of the main thread as it is.

    Python 2.7 has to import something for it: call this before a script can hold its import lock.
    """
    if hasattr(signal, 'pthread_kill'):
        return lambda number: signal.pthread_kill(ident, number)
    try:
        import ctypes
        call = ctypes.CDLL(None).pthread_kill
        call.argtypes = (ctypes.c_ulong, ctypes.c_int)
        return lambda number: call(ident, number)
    except Exception:
        return lambda number: os.kill(os.getpid(), number)


def explain(process):
    kind, value, trace = sys.exc_info()
    # without our own two calls
    for _ in range(2):
        trace = trace.tb_next or trace
    for text in traceback.format_exception(kind, value, trace):
        for line in text.rstrip('\n').split('\n'):
            process.log('error', line)
