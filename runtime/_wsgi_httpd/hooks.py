"""Hook scripts: functions that the server asks about a request before any application runs (access, users, groups, dispatch).

A question comes as a request whose place is of kind `hook`; the body of its response is the answer as JSON: `{"value": ...}`, or
`{"fault": text}` where the function returned what it must not. The asking side is src/wsgi/hooks/.
"""
import json

from .compat import PY2, string_types, text_type, type_name
from .scripts import MissingCallable

# Carries the arguments after environ.
ARGUMENTS = 'wsgi_httpd.arguments'
DISPATCHED = ('process_group', 'application_group', 'callable_object')
# What control of access sees besides HTTP_*: neither SetEnv's variables nor anything of an application.
SHOWN = frozenset((
    'CONTENT_TYPE', 'CONTENT_LENGTH', 'SERVER_SIGNATURE', 'SERVER_SOFTWARE', 'SERVER_NAME', 'SERVER_ADDR', 'SERVER_PORT',
    'SERVER_ADMIN', 'SERVER_PROTOCOL', 'REMOTE_HOST', 'REMOTE_ADDR', 'REMOTE_PORT', 'DOCUMENT_ROOT', 'REQUEST_METHOD',
    'QUERY_STRING', 'REQUEST_URI', 'SCRIPT_NAME', 'PATH_INFO', 'wsgi.errors', 'mod_wsgi.process_group',
    'mod_wsgi.application_group', 'mod_wsgi.version', 'apache.version'))
# What a dispatch script is there to find out, and what belongs to the application alone.
NOT_FOR_DISPATCH = ('mod_wsgi.callable_object', 'waitress.client_disconnected', 'wsgi.input', 'wsgi.file_wrapper', 'wsgi.version', 'wsgi.multithread',
                    'wsgi.multiprocess', 'wsgi.run_once', 'wsgi.input_terminated')


class Fault(Exception):
    """The function returned what it must not; the text is for the log."""


def latin(value):
    """A text of the function as JSON takes it: one character per byte. None: it is none."""
    if isinstance(value, bytes):
        return value.decode('latin-1')
    if isinstance(value, text_type):
        try:
            value.encode('latin-1')
        except UnicodeError:
            return None
        return value
    return None


def text(value, what):
    """`value` if it is a native string that is not empty. Bytes are none on Python 3."""
    found = latin(value) if isinstance(value, string_types) else None
    if found is None:
        raise Fault(what)
    if not found:
        raise Fault('%s; it returned an empty string' % what)
    return found


def check_access(result, script):
    if result is None or isinstance(result, bool):
        return result
    raise Fault("Indicator of host accessibility returned from '%s' must be a boolean or None, not %s."
                % (script, type_name(result)))


def check_password(result, script):
    if result is None or isinstance(result, bool):
        return result
    return text(result, "WSGI0176: Basic auth provider in '%s' must return True, False, None or user name as string"
                % script)


def check_hash(result, script):
    if result is None:
        return None
    return text(result, "WSGI0178: Digest auth provider in '%s' must return None or string object" % script)


def check_groups(result, script):
    # A string would be a sequence of one-letter groups, which nobody can mean.
    if not isinstance(result, (bytes, text_type)):
        try:
            names = [latin(name) for name in iter(result)]
        except TypeError:
            names = [None]
        if None not in names:
            return names
    raise Fault("Groups for user returned from '%s' must be an iterable sequence of strings." % script)


# Function: how it is checked, and what the log says where a script lacks it.
QUESTIONS = {
    'allow_access': (check_access, "Target WSGI host access script '%s' does not provide host validator."),
    'check_password': (check_password,
                       "Target WSGI user authentication script '%s' does not provide 'Basic' auth provider."),
    'get_realm_hash': (check_hash,
                       "Target WSGI user authentication script '%s' does not provide 'Digest' auth provider."),
    'groups_for_user': (check_groups, "Target WSGI group authentication script '%s' does not provide group provider."),
}


def answerer(module, place, environ, request):
    """The stand-in for an application that puts the question to the functions of `module`. Raises MissingCallable."""
    said = json.loads(environ.pop(ARGUMENTS))
    words = [native_word(word) for word in said['words']]
    # A question is answered in full, also where the client's method is HEAD.
    request.head_only = False
    if place.callable == 'dispatch':
        for key in NOT_FOR_DISPATCH:
            environ.pop(key, None)

        def ask():
            return dict((name, dispatched(module, name, environ, place.script)) for name in DISPATCHED)
    else:
        check, missing = QUESTIONS[place.callable]
        function = module.__dict__.get(place.callable)
        if function is None:
            raise MissingCallable(missing % place.script)
        shown = dict((key, value) for key, value in environ.items() if key in SHOWN or key.startswith('HTTP_'))
        secure = environ['wsgi.url_scheme'] == 'https'
        shown['mod_ssl.is_https'] = lambda: secure
        tls = said.get('tls') or {u'HTTPS': u'off'}
        shown['mod_ssl.var_lookup'] = lambda name: native_word(tls.get(name, u''))

        def ask():
            return check(function(shown, *words), place.script)

    def answer(environ, start_response):
        try:
            found = {'value': ask()}
        except Fault as fault:
            found = {'fault': latin(str(fault)) or repr(str(fault))}
        start_response('200 OK', [])
        return [json.dumps(found).encode('ascii')]
    return answer


def dispatched(module, name, environ, script):
    function = module.__dict__.get(name)
    result = None if function is None else function(environ)
    if result is None:
        return None
    found = latin(result) if isinstance(result, string_types) else None
    if found is None:
        raise Fault("%s() of dispatch script '%s' must return a string or None, not %s."
                    % (name, script, type_name(result)))
    return found


def native_word(word):
    return word.encode('latin-1') if PY2 else word


def imported(environ, start_response):
    """Stands for the application of an import script: it was loaded, no more is asked."""
    start_response('200 OK', [])
    return []


# Kinds of place whose script has no application: what is called in its stead.
ADAPTERS = {
    'hook': answerer,
    'import': lambda module, place, environ, request: imported,
}
