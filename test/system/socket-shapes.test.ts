/** What sockets are made of, seen by the engine. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const MODULE = new URL('../../src/system/socket-shapes.js', import.meta.url).href

/** Makes sockets as a server does, and says whether the options of the last two share their hidden class. */
const SCRIPT = `
import stream from 'node:stream'
import { Socket } from 'node:net'
import { showSocketShapes } from '${MODULE}'
if (process.argv[1] === 'shown') showSocketShapes()
const { Duplex } = stream
const seen = []
Duplex.call = (self, options) => {
  seen.push(options)
  return Reflect.apply(Duplex, self, [options])
}
for (let time = 0; time < 500; time++) new Socket({ allowHalfOpen: true, readable: true, writable: true })
console.log(%HaveSameMap(seen.at(-1), seen.at(-2)))
`

test('options of sockets share one hidden class', () => {
  const run = (word: string) =>
    execFileSync(
      process.execPath,
      ['--allow-natives-syntax', '--input-type=module', '-e', SCRIPT, '--', word],
      { encoding: 'utf8' },
    ).trim()
  assert.equal(run('shown'), 'true')
  // or else there is no use for it
  if (Number.parseInt(process.versions.v8, 10) < 12) assert.equal(run('not shown'), 'false')
})
