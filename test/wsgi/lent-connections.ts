/** For tests of connections that are lent to interpreters: which Pythons borrow any, and what an application says of those that it has. */
import { VERSIONS } from '../server/daemon-support.js'

/** From that Python on: a forked child closes what was lent (`os.register_at_fork`). */
export const LENDS = VERSIONS.filter((version) => version !== '2.7')

/** Python: `connections()` counts the process's TCP connections, `say()` writes a line to the log at once. */
export const SAYING = `
import os, socket, stat, sys

def connections():
    """Descriptors of this process that are connections over TCP."""
    count = 0
    for name in os.listdir('/proc/self/fd'):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            copy = socket.fromfd(int(name), socket.AF_INET, socket.SOCK_STREAM)
            try:
                count += len(copy.getpeername()) == 2 and not isinstance(copy.getpeername(), (str, bytes))
            finally:
                copy.close()
        except (OSError, IOError, TypeError):
            pass
    return count

def say(text):
    sys.stderr.write(text + '\\n')
    sys.stderr.flush()
`
