"""Imports the runtime from one text instead of files, for a process whose root directory (`chroot=`) does not hold them.

Executed in every interpreter of such a process; `install(text)` is all that is used from outside.
"""
import json
import sys
import types


class Finder(object):
    """Finds and loads the modules of the runtime; Python 2.7 and 3."""

    def __init__(self, text):
        self.text = text
        self.modules = json.loads(text)['modules']

    def find_spec(self, name, path=None, target=None):
        if name not in self.modules:
            return None
        from importlib.machinery import ModuleSpec
        return ModuleSpec(name, self, origin=file_of(name), is_package=name == '_wsgi_httpd')

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.__file__ = file_of(module.__name__)
        exec(compile(self.modules[module.__name__], module.__file__, 'exec'), module.__dict__)

    def get_source(self, name):
        return self.modules[name]

    def find_module(self, name, path=None):
        return self if name in self.modules else None

    def load_module(self, name):
        module = sys.modules[name] = types.ModuleType(str(name))
        module.__loader__ = self
        module.__package__ = '_wsgi_httpd'
        if name == '_wsgi_httpd':
            module.__path__ = []
        self.exec_module(module)
        return module


def file_of(name):
    return 'wsgi-httpd/%s.py' % name.replace('.', '/')


def install(text):
    """Makes `import _wsgi_httpd` work in this interpreter."""
    sys.meta_path.insert(0, Finder(text))

