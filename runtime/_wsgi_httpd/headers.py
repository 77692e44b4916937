"""What an application may say in `start_response`: checks, with mod_wsgi 6's error texts, and the form for the wire."""
import re

from .compat import PY2, type_name, wire

# RFC 9110, 5.6.2: token
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_NAME_CONTROL = re.compile(r'[\x00-\x1f\x7f]')
_VALUE_BAD = re.compile(r'[\r\n\x00]')
_REASON_CONTROL = re.compile(r'[\x00-\x1f\x7f]')
_LENGTH = re.compile(r'[0-9]+\Z')
# The server frames the message itself (RFC 9110, 7.6.1).
_HOP_BY_HOP = frozenset(('connection', 'keep-alive', 'transfer-encoding', 'upgrade'))
PLAIN, LENGTH, HOP, TYPE = 0, 1, 2, 3
_KINDS = {'content-length': LENGTH, 'content-type': TYPE}
CACHE_MAX = 512

# Longer heads carry cookies and the like, which do not come again.
HEAD_CACHED_MAX_BYTES = 512

_heads = {}
_statuses = {}
_names = {}


def _quoted(text):
    """`b'...'` on every Python."""
    shown = repr(wire(text))
    return shown if shown.startswith('b') else 'b' + shown


def check_status(status):
    """(code, reason) of a status line such as `200 OK`.

    Raises TypeError, ValueError or UnicodeEncodeError with the words applications know from mod_wsgi.
    """
    if not isinstance(status, str):
        raise TypeError('must be str, not %s' % type_name(status))
    wire(status)
    digits = status[:3]
    if len(digits) != 3 or not _LENGTH.match(digits) or (len(status) > 3 and status[3].isdigit()):
        raise ValueError('status code must be a 3 digit integer: %s' % _quoted(status))
    if len(status) > 3 and status[3] != ' ':
        raise ValueError('no space following status code: %s' % _quoted(status))
    reason = status[4:]
    if _REASON_CONTROL.search(reason):
        raise ValueError('control character in status reason phrase: %s' % _quoted(status))
    code = int(digits)
    if code < 200:
        raise ValueError('status code must not be informational: %s' % _quoted(status))
    if len(_statuses) >= CACHE_MAX:
        _statuses.clear()
    found = _statuses[status] = (code, reason)
    return found


def check_name(name):
    """What kind of header this is. Raises for names that HTTP does not allow."""
    if not isinstance(name, str):
        raise TypeError('must be str, not %s' % type_name(name))
    wire(name)
    if not name:
        raise ValueError('header name is empty')
    if ' ' in name:
        raise ValueError('space character in header name: %s' % _quoted(name))
    if _NAME_CONTROL.search(name):
        raise ValueError('control character in header name: %s' % _quoted(name))
    if not _TOKEN.match(name):
        raise ValueError('invalid character in header name: %s' % _quoted(name))
    lower = name.lower()
    kind = HOP if lower in _HOP_BY_HOP else _KINDS.get(lower, PLAIN)
    if len(_names) >= CACHE_MAX:
        _names.clear()
    _names[name] = kind
    return kind


def check_value(value):
    if not isinstance(value, str):
        raise TypeError('must be str, not %s' % type_name(value))
    found = _VALUE_BAD.search(value)
    if found:
        what = 'null' if found.group() == '\0' else 'carriage return/line feed'
        raise ValueError('%s character in header value: %s' % (what, _quoted(value)))


def check_head(status, headers):
    """(code, head for the wire, content length or None, bad content length or None, ignored names).

    The head is `reason NUL name NUL value NUL name ...`. A bad Content-Length is no error yet: it becomes one at the
    first output, as in mod_wsgi. Applications give the same few heads again and again, so checked ones are kept;
    not on Python 2.7, where `u'x' == 'x'` would let a wrong type pass for a right one.
    """
    try:
        key = (status, tuple(headers))
        found = _heads.get(key)
        if found is not None and type(headers) is list:
            return found
    except TypeError:
        key = None
    found = _check_head(status, headers)
    if key is not None and not PY2 and len(found[1]) <= HEAD_CACHED_MAX_BYTES:
        if len(_heads) >= CACHE_MAX:
            _heads.clear()
        _heads[key] = found
    return found


def _check_head(status, headers):
    known = _statuses.get(status) if type(status) is str else None
    code, reason = known if known is not None else check_status(status)
    if not isinstance(headers, list):
        raise TypeError('start_response() argument 2 must be list, not %s'
                        % ('None' if headers is None else type_name(headers)))
    flat = [reason]
    length = bad = None
    ignored, once = (), {}
    names, search = _names, _VALUE_BAD.search
    for header in headers:
        if not isinstance(header, tuple):
            raise TypeError('each header must be a 2-tuple, not %s' % type_name(header))
        if len(header) != 2:
            raise ValueError('each header must be a 2-tuple, got length %d' % len(header))
        name, value = header
        kind = names.get(name) if type(name) is str else None
        if kind is None:
            kind = check_name(name)
        if type(value) is not str or search(value):
            check_value(value)
        if kind:
            if kind == HOP:
                ignored += (name,)
                continue
            if kind in once:
                # Only one has a meaning, and only one is sent: the last.
                del flat[once[kind]:once[kind] + 2]
                once = dict((key, at - 2 if at > once[kind] else at) for key, at in once.items())
            once[kind] = len(flat)
            if kind == LENGTH:
                if _LENGTH.match(value) and len(value) < 19:
                    length = int(value)
                else:
                    bad = value
        flat.append(name)
        flat.append(value)
    return code, wire('\0'.join(flat)), length, bad, ignored
