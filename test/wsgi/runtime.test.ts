/** Parts of the runtime that go wrong only where something is missing or comes at the wrong moment; in every Python. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { runtimeMain } from '../../src/python/runtime-path.js'
import { eachMinorVersion } from '../support/pythons.js'
import { until } from '../support/wait.js'
import { NEWEST, place, request, startDaemon } from './channel/daemon.js'

/** What hangs instead of failing. */
const TIMEOUT_MS = 20_000

/** Runs the text as a program that can import the runtime, once with each Python from that version on. */
function everyPython(name: string, program: string, since: readonly [number, number] = [2, 7]): void {
  for (const { version, major, minor, executable } of eachMinorVersion())
    if (major > since[0] || (major === since[0] && minor >= since[1]))
      test(`${name}: Python ${version}`, () => {
        const text = `import sys\nsys.path.insert(0, sys.argv[1])\n${program}`
        execFileSync(executable, ['-B', '-c', text, path.dirname(runtimeMain())], {
          timeout: TIMEOUT_MS,
          killSignal: 'SIGKILL',
        })
      })
}

everyPython(
  'a Python without the module resource counts what it can',
  `
sys.modules['resource'] = None
from _wsgi_httpd.system import memory_bytes, process_times, thread_times, times_slept
from _wsgi_httpd.metrics import Window
assert thread_times() == process_times() == (0.0, 0.0)
assert times_slept() == 0
now, most = memory_bytes()
assert now > 0 or not sys.platform.startswith('linux')
assert Window(2).cpu == (0.0, 0.0)
`,
)

everyPython(
  'an interpreter that cannot be made leaves no descriptors behind',
  `
import os
from _wsgi_httpd import interpreters
def open_ones(): return [fd for fd in range(100) if is_open(fd)]
def is_open(fd):
    try:
        os.fstat(fd)
        return True
    except OSError:
        return False
def refuse(*ignored): raise error
def make(): interpreters.Guest({'own_gil': True, 'heartbeat': 1}, 'g', -1, None, '/nowhere', [])
def fails(kind):
    try:
        make()
    except kind:
        return True
before = open_ones()
whole = interpreters._create
interpreters._create, error = refuse, ValueError('no more')
assert fails(interpreters.CannotMake)
assert open_ones() == before
interpreters._create = whole

# no runtime to import there
assert fails(interpreters.CannotMake)
assert open_ones() == before

# one pipe, and no other
first = os.pipe()
def give(pairs=[first]): return pairs.pop() if pairs else refuse()
os.pipe, error = give, OSError(24, 'Too many open files')
assert fails(OSError)
assert open_ones() == before
`,
  [3, 8],
)

everyPython(
  'requests that begin while the first sub-interpreter is made: one at a time runs, and none waits for ever',
  `
import threading
from _wsgi_httpd.process import Process
from _wsgi_httpd.request import Request, serve
class Anything(object):
    adapter = None
    def __init__(self, **given): self.__dict__.update(given)
class Crew(Anything):
    @property
    def gate(self): return self.there
    @gate.setter
    def gate(self, made):
        self.there = made
        self.seen()
at_gate, has_begun, first_may_end = threading.Event(), threading.Event(), threading.Event()
happened = []
def execute(crew, slot, request, began):
    if request is first:
        has_begun.set()
        first_may_end.wait()
    happened.append(request)
def make():
    lane = Anything(alive=True, progress={}, flush=at_gate.set, busy=0, served=0, slow=0, pid=None)
    request = Request(lane, 1, 0, 0, Anything(adapter=None), (), b'', b'', 0, 0)
    slot = Anything(request=None, served=0, used=0.0)
    return slot, request
def begin(slot, request):
    thread = threading.Thread(target=serve, args=(crew, slot, request, 0))
    thread.daemon = True
    thread.start()
    return thread
def open_gate(crew):
    process = Process.__new__(Process)
    process.gate, process.settings, process.main = None, {'threads': 1}, Anything(crew=crew)
    process.open_gate()

# It sees the gate before it is counted.
first = None
slot, request = make()
crew = Crew(slots=[slot], there=None, draining=None, maximum=0, threads=1, execute=execute)
threads = []
def seen():
    threads.append(begin(slot, request))
    at_gate.wait()
crew.seen = seen
open_gate(crew)
threads[0].join()
assert happened == [request]

# It began without.
del happened[:]
at_gate.clear()
slot, first = make()
crew = Crew(slots=[slot], there=None, draining=None, maximum=0, threads=1, execute=execute, seen=lambda: None)
threads = [begin(slot, first)]
has_begun.wait()
open_gate(crew)
other, second = make()
threads.append(begin(other, second))
at_gate.wait()
first_may_end.set()
for thread in threads: thread.join()
assert happened == [first, second]
`,
)

everyPython(
  'one thread at most looks after the unfinished lines of a stream, and none is missed where it cannot be started',
  `
import os, time
from _wsgi_httpd import streams
said, started = [], []
stream = streams.Streams(lambda message: said.append(message['text'])).stdout
whole = streams.start_new_thread
streams.start_new_thread = lambda *given: started.append(given)
for _ in range(1000): stream.write('.')
assert len(started) == 1 and not said
# it has come to its end
function, arguments = started.pop()
function(*arguments)
assert said == ['.' * 1000] and not started
stream.write('again')
assert len(started) == 1

# a forked child has no such thread
child = os.fork()
if not child:
    streams.start_new_thread = whole
    stream.write(' in the child')
    while 'again in the child' not in said: time.sleep(0.01)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0

# one begins while another is logged
function, arguments = started.pop()
def begin(message):
    said.append(message['text'])
    if len(said) == 2: stream.partials[0] = 'another thread'
stream.streams.notify = begin
function(*arguments)
assert said[1:] == ['again', 'another thread'], said

def refuse(*ignored): raise RuntimeError("can't start new thread")
streams.start_new_thread = refuse
stream.write('kept')
assert stream.partials
streams.start_new_thread = lambda *given: started.append(given)
stream.write(' on')
function, arguments = started.pop()
function(*arguments)
assert said[-1] == 'kept on'
`,
)

everyPython(
  'a forked process has none of the locks that threads of its origin held, nor what they had begun to print',
  `
import json, os, socket
from _wsgi_httpd.process import Process
from _wsgi_httpd.host import Host
ours, theirs = socket.socketpair()
process = Process({'control': os.dup(ours.fileno())}, '')
settings = {'mode': 'daemon', 'process_group': 'g', 'threads': 1, 'processes': 1, 'multithread': False, 'multiprocess': False,
            'server_version': [0, 0, 0], 'zygote': True}
process.settings.update(settings)
host = process.main = Host(process.settings, '', None, process.notify)
host.events.record()
held = process.control_lock, host.questions.lock, host.events.recorder.lock
for lock in held: lock.acquire()
host.streams.stdout.partials[1] = 'begun'

control, parent = socket.socketpair()
parent.sendall(json.dumps({'type': 'configure'}).encode('ascii') + b'\\n')
process.become([os.dup(control.fileno()), os.open(os.devnull, os.O_RDONLY), None])
for lock in (process.control_lock, host.questions.lock, host.events.recorder.lock):
    assert lock.acquire(False)
    lock.release()
process.log('info', 'hello')
assert json.loads(parent.recv(1000).decode('ascii'))['text'] == 'hello'
assert not host.streams.stdout.partials
`,
)

everyPython(
  'a connection that cannot be accepted is tried again after a pause, and told once',
  `
import errno, os, socket
from _wsgi_httpd import process as module
class Listener(object):
    results = []
    def accept(self):
        found = self.results.pop(0)
        if isinstance(found, int): raise OSError(found, os.strerror(found))
        return found, ''
class Poller(object):
    def add(self, fd): pass
class Clock(object):
    slept = 0
    def sleep(self, seconds): self.slept += 1
given, other = socket.socketpair()
process = module.Process({'control': os.dup(other.fileno())}, '')
said = []
process.log = lambda level, text: said.append(text)
process.listener, process.poller, process.buffers, module.time = Listener(), Poller(), [], Clock()
def accept(*results):
    process.listener.results[:] = results
    process.accept()
    assert not process.listener.results
for number in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM): accept(number)
assert len(said) == 1 and module.time.slept == 4
accept(given, errno.EMFILE)
assert len(said) == 2 and module.time.slept == 5
assert list(process.greeting.values()) == [given]
accept(errno.EAGAIN)
accept(errno.EMFILE)
assert len(said) == 3 and module.time.slept == 6
`,
)

/** Takes the process's descriptors away, and gives them back. */
const DESCRIPTORS = `
import os, resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
def application(environ, start_response):
    start_response('200 OK', [])
    if environ['QUERY_STRING'] == 'take':
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return [b'']
`

test('a process without a free descriptor serves on, and takes new connections when it has one', async (t) => {
  const daemon = await startDaemon(NEWEST)
  t.after(() => daemon.stop())
  const where = place(daemon.script('descriptors.wsgi', DESCRIPTORS))
  const channel = await daemon.connect()
  await request(channel, where, { query: 'take' }).outcome
  const connecting = daemon.connect()
  const refused = () =>
    daemon.messages.filter((message) => message.type === 'log' && message.text.startsWith('cannot accept'))
  await until('a connection that waits', () => refused().length > 0)
  await request(channel, where, { query: 'give' }).outcome
  assert.equal((await request(await connecting, where).outcome).status, 200)
  assert.equal(refused().length, 1)
})

/** The traceback quotes a line that is not of UTF-8; what was raised is too long for one line of the log. */
const LATIN = `# -*- coding: latin-1 -*-
raise ValueError('caf\xe9 ' + 'x' * 10000)
`

for (const { version, executable } of eachMinorVersion())
  for (const threads of [1, 0])
    test(`a script that is no UTF-8 fails before the first request, threads=${threads}: Python ${version}`, async (t) => {
      const directory = mkdtempSync(path.join(tmpdir(), 'latin-'))
      t.after(() => rmSync(directory, { recursive: true }))
      const script = path.join(directory, 'latin.wsgi')
      writeFileSync(script, LATIN, 'latin1')
      const daemon = await startDaemon(executable, { threads, imports: [{ script, application_group: '' }] })
      t.after(() => daemon.stop())
      const texts = () => daemon.messages.flatMap((message) => (message.type === 'log' ? [message.text] : []))
      await until('the whole traceback', () => (texts().join('').match(/x/g)?.length ?? 0) > 10_000)
      assert.ok(texts().some((text) => text.includes("raise ValueError('caf")))
      for (const text of texts()) assert.ok(text.length <= 7680, 'fits into a record')
    })

/** What a program inherits that the application starts, beyond its standard streams. */
const PROGRAM = `
import os, subprocess, sys
LOOK = '''
import os
for fd in os.listdir('/proc/self/fd'):
    try:
        if int(fd) > 2: print(os.readlink('/proc/self/fd/' + fd))
    except OSError:
        pass
'''
def application(environ, start_response):
    start_response('200 OK', [])
    return [subprocess.Popen([sys.executable, '-c', LOOK], stdout=subprocess.PIPE, close_fds=False).communicate()[0]]
`

for (const { version, executable } of eachMinorVersion())
  test(`programs that an application starts inherit no connection, nor the progress file: Python ${version}`, {
    skip: process.platform !== 'linux' && 'Linux only',
  }, async () => {
    const daemon = await startDaemon(executable)
    try {
      const channel = await daemon.connect()
      const app = place(daemon.script('app.wsgi', PROGRAM))
      // Python 2.7 has a descriptor of its own of each file that is mapped, which cannot be had
      const kept = version.startsWith('2') ? /socket:/ : /socket:|progress/
      assert.doesNotMatch((await request(channel, app).outcome).body.toString(), kept)
    } finally {
      await daemon.stop()
    }
  })
