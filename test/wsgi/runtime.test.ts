/** Parts of the runtime that go wrong only where something is missing or comes at the wrong moment; in every Python. */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { runtimeMain } from '../../src/python/runtime-path.js'
import { eachMinorVersion } from '../support/pythons.js'

/** What hangs instead of failing. */
const TIMEOUT_MS = 60_000

/** Runs the text as a program that can import the runtime, once with each Python from that version on. */
function everyPython(name: string, program: string, since: readonly [number, number] = [2, 7]): void {
  for (const { version, major, minor, executable } of eachMinorVersion())
    if (major > since[0] || (major === since[0] && minor >= since[1]))
      test(`${name}: Python ${version}`, () => {
        const text = `import sys\nsys.path.insert(0, sys.argv[1])\n${program}`
        execFileSync(executable, ['-B', '-c', text, path.dirname(runtimeMain())], { timeout: TIMEOUT_MS })
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
