"""Entry point of a runtime process: one CPython that serves WSGI applications to server workers.

Started as `python main.py --control FD --listen FD [--progress FD] [--embedded]` (a process that others are forked from
gets its listening socket later), or with the same arguments inside
a server worker. Everything else it needs to know arrives as the first line on the control connection.
"""
import sys


def arguments(words):
    """`['--control', '3', '--embedded']` -> `{'control': 3, 'embedded': True}`."""
    found = {}
    words = list(words)
    while words:
        word = words.pop(0)
        if word == '--embedded':
            found['embedded'] = True
        elif word in ('--control', '--listen', '--progress') and words:
            found[word[2:]] = int(words.pop(0))
        else:
            raise SystemExit('unknown argument: %s' % word)
    if 'control' not in found:
        raise SystemExit('usage: main.py --control FD [--listen FD] [--progress FD] [--embedded]')
    return found


def main():
    given = arguments(sys.argv[1:])
    if given.get('embedded') and sys.platform.startswith('linux'):
        # RTLD_NOW | RTLD_DEEPBIND, before the first extension module: its symbols must not come from the program
        # around us (Node has an OpenSSL of its own).
        sys.setdlopenflags(2 | 8)
    # Applications must neither find our modules on sys.path nor get byte code written next to them.
    home = sys.path.pop(0)
    if '__file__' not in globals():
        # From a text (bundle.py): there is no directory to import from.
        from _wsgi_httpd import process
        return process.Process(given, home).run()
    writes = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    sys.path.insert(0, home)
    try:
        from _wsgi_httpd import process
    finally:
        sys.path.remove(home)
        sys.dont_write_bytecode = writes
    return process.Process(given, home).run()


if __name__ == '__main__':
    sys.exit(main())
