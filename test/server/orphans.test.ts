/** A supervisor that orphans come to: process 1 of a container, or a child subreaper, which is what a test can be without being root. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { findPython, type Python } from '../support/pythons.js'
import { PROJECT } from '../support/server.js'

/** Makes a program of Node a child subreaper, which outlasts `execve`. */
const SUBREAPER = `import ctypes, os, sys
PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])`

/** Starts children that leave children of their own behind, and waits until none is left and Node has heard of the ends of its own. */
const PARENT = `import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { adoptsOrphans, reapOrphans } from '${PROJECT}build/src/server/orphans.js'
const before = spawn('sh', ['-c', 'exit 7'])
const adopts = adoptsOrphans()
const end = reapOrphans([before])
const ended = (child) => new Promise((resolve) => child.once('exit', resolve))
const own = [before, ...Array.from({ length: 20 }, (_, at) => spawn('sh', ['-c', \`(true) & (sleep 0.05) & exit \${at}\`]))]
const codes = await Promise.all(own.map(ended))
const left = () => readFileSync(\`/proc/self/task/\${process.pid}/children\`, 'latin1').trim()
const looking = setInterval(() => {
  if (left() !== '') return
  clearInterval(looking)
  end()
  console.log(JSON.stringify({ adopts, codes }))
}, 20)`

const directory = mkdtempSync(path.join(tmpdir(), 'orphans-'))
after(() => rmSync(directory, { recursive: true }))

/** What the parent prints; it ends only when no child is left. */
function run(words: readonly string[]): Promise<string> {
  const [program, ...rest] = words as [string, ...string[]]
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 })
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (piece) => (text += piece))
    child.once('error', reject)
    child.once('close', () => resolve(text))
  })
}

test('orphans are waited for where they come to, and the ends of other children reach Node', {
  skip: process.platform !== 'linux' && 'Linux only',
}, async () => {
  const file = path.join(directory, 'parent.mjs')
  writeFileSync(file, PARENT)
  const { executable } = findPython() as Python
  const said = await run([executable, '-c', SUBREAPER, process.execPath, file])
  assert.deepEqual(JSON.parse(said), {
    adopts: true,
    codes: [7, ...Array.from({ length: 20 }, (_, at) => at)],
  })
})
