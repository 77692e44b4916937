"""Where a process hangs whose Python code cannot run any more, because C code keeps the interpreter's lock."""
import os
import signal


def show_stacks_on_signal():
    """From now on SIGQUIT writes the stacks of the main interpreter's threads to descriptor 2. False: this Python has nothing that could (2.7)."""
    try:
        import faulthandler
    except ImportError:
        return False
    faulthandler.register(signal.SIGQUIT, 2)
    if hasattr(os, 'register_at_fork'):
        os.register_at_fork(after_in_child=lambda: faulthandler.unregister(signal.SIGQUIT))
    return True
