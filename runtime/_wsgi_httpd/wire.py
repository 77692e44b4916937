"""Frames between server worker and interpreter; the counterpart is src/wsgi/channel/wire.ts, the prose docs/channel.md.

Every frame begins with `length` (bytes after this field), `type`, `flags`, `aux`, `id`, little endian.
"""
import struct

PROTOCOL = 1
HEADER = struct.Struct('<IBBHI')
HEADER_BYTES = HEADER.size
REQUEST = struct.Struct('<IBBHIIIId')
REQUEST_BYTES = REQUEST.size
ANSWER = struct.Struct('<IBBHII')
REPORT = struct.Struct('<IBBHIIIII')
BLOCK = struct.Struct('<I')
WIDE = struct.Struct('<Q')
TOOK = struct.Struct('<QI')
# Bytes of the body, and bytes beside it, that were written to a lent connection; payload of R_RETURNED.
SENT = struct.Struct('<QQ')
# What comes with a lent connection: mark, flags, bytes of the header to send first, bytes that the body may still have.
LENT = struct.Struct('<IIIQ')
LENT_CHUNKED = 1
ANY_LENGTH = 0xFFFFFFFFFFFFFFFF

# A frame from the worker holds one request head and at most 64 KiB of body.
FRAME_MAX_BYTES = 4 * 1024 * 1024
# Responses up to this size share the control lane; beyond it they move to a bulk lane, where the kernel limits them.
CONTROL_MAX_BYTES = 64 * 1024

# worker -> interpreter
T_REQUEST, T_PLACE, T_SIGNATURE, T_FORGET, T_CANCEL, T_NOOP, T_LEFT = 1, 2, 3, 4, 5, 6, 7
# interpreter -> worker
R_HELLO, R_REPORT, R_ANSWER, R_HEAD, R_DATA, R_END, R_ABORT, R_ERROR, R_REJECT, R_LOG = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
R_WANT_BODY, R_SWITCH, R_NEED_BULK, R_NUDGE, R_RETIRING, R_BORROW, R_RETURNED = 11, 12, 13, 14, 15, 16, 17
R_TOOK = 20

# flags of T_REQUEST
F_BODY_STREAM = 1
# flags of R_REPORT
F_READING, F_OPEN = 1, 2

# aux of R_ABORT
ABORT_EXCEPTION, ABORT_SHORT, ABORT_CANCELLED, ABORT_TIMEOUT = 1, 2, 3, 4
# aux of R_ERROR
E_EXCEPTION, E_SCRIPT, E_CALLABLE, E_TIMEOUT, E_TOO_LARGE, E_MALFORMED, E_QUEUE = 1, 2, 3, 4, 5, 6, 7
# aux of R_REJECT and R_RETIRING
REJECT_CODES = {'script_reload': 1, 'maximum_requests': 2, 'shutdown': 3, 'retire': 4}
# aux of R_LOG: syslog's numbers
L_EMERG, L_ALERT, L_CRIT, L_ERROR, L_WARN, L_NOTICE, L_INFO, L_DEBUG = range(8)
LEVEL_NAMES = ('emerg', 'alert', 'crit', 'error', 'warn', 'notice', 'info', 'debug')

# Lengths with a meaning in the blocks of a bulk lane
BLOCK_END = 0
BLOCK_ABORT = 0xFFFFFFFF
BLOCK_TOO_LARGE = 0xFFFFFFFE
BLOCK_FREE = 0xFFFFFFFD
BLOCK_WIDE = 0xFFFFFFFC
BLOCK_LENT = 0xFFFFFFFB
BLOCK_KEPT = 0xFFFFFFFA
BLOCK_SENT = 0xFFFFFFF9
BLOCK_CALLED_OFF = 0xFFFFFFF7
BLOCK_AS_IS = 0xFFFFFFF6
BLOCK_MAX_BYTES = 16 * 1024 * 1024

FIXED_KEYS = (
    'REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'REQUEST_URI', 'SERVER_PROTOCOL', 'SERVER_NAME',
    'SERVER_PORT', 'SERVER_ADDR', 'REMOTE_ADDR', 'REMOTE_PORT', 'wsgi.url_scheme', 'mod_wsgi.request_id',
    'mod_wsgi.connection_id')
# Keys whose values are known when the request begins; they follow all others.
LATE_KEYS = (
    'mod_wsgi.script_name', 'mod_wsgi.path_info', 'mod_wsgi.thread_id', 'mod_wsgi.request_start',
    'mod_wsgi.queue_start', 'mod_wsgi.daemon_start', 'mod_wsgi.application_start', 'wsgi.errors', 'wsgi.input',
    'waitress.client_disconnected')


def frame(kind, number, aux=0, payload=b'', flags=0):
    """One frame. `number` is the request id, or 0 where the frame belongs to none."""
    return HEADER.pack(HEADER_BYTES - 4 + len(payload), kind, flags, aux, number) + payload
