/** A child that an application forks has its parent's control lane, with whatever had gathered there. */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { runtimeMain } from '../../../src/python/runtime-path.js'
import { PYTHONS } from './daemon.js'

const CHILD = `
import os, socket, sys
sys.path.insert(0, sys.argv[1])
from _wsgi_httpd.compat import allocate_lock
from _wsgi_httpd.lane import ControlLane

class Crew(object):
    constants, asleep, reading, pending, instant = {}, 1, False, (), None
    counts = allocate_lock()

worker, ours = socket.socketpair()
worker.settimeout(20)
lane = ControlLane(ours, 1, '', 2, Crew(), None)
# an answer that waits for others
lane.defer_until = float('inf')
lane.put(b'answer')
# another thread is sending
lane.send_lock.acquire()
child = os.fork()
if not child:
    lane.put_log(b'line')
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert worker.recv(100) == b'line'
lane.send_lock.release()
lane.flush()
assert worker.recv(100).startswith(b'answer')
`

for (const python of PYTHONS)
  test(`what a forked child logs goes out alone, and nothing else does: ${python}`, () => {
    execFileSync(python, ['-c', CHILD, path.dirname(runtimeMain())], { stdio: 'pipe', timeout: 60_000 })
  })
