/** How many bulk lanes an interpreter can make the worker open. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { closeFd, listenUnix } from '../../../src/python/unix-sockets.js'
import { BulkLanes } from '../../../src/wsgi/channel/bulk-lanes.js'

/** Two for the thread and the spare ones; as many for the thread may wait, and one. */
const MAX = 2 + 1024 + 2 + 1

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind.startsWith('Pipe')).length
}

const skip = process.platform !== 'linux' && 'elsewhere it refuses'

test('lanes that find the queue full count: they are tried again together', {
  skip,
  timeout: 60_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'bulk-lanes-'))
  const socketPath = join(directory, 's')
  // nobody accepts: there is room for two connections, the next ones fail (EAGAIN)
  const listener = listenUnix(socketPath, { backlog: 1 })
  const errors: Error[] = []
  const lanes = new BulkLanes({ socketPath, secret: '' }, 1, 1, (error) => errors.push(error))
  const others = openSockets()
  try {
    let index = 0
    const askFor = (count: number) => {
      for (; index < count; index++) lanes.need(index)
    }
    askFor(20)
    while (openSockets() > others + 2) await setImmediate()
    assert.throws(() => askFor(2 * MAX), { name: 'ProtocolViolation', message: 'too many bulk lanes' })
    assert.equal(index, MAX)
    assert.deepEqual(errors, [])
  } finally {
    lanes.close(new Set())
    closeFd(listener)
    rmSync(directory, { recursive: true })
  }
})

test('a lane is asked for once', () => {
  const lanes = new BulkLanes({ socketPath: '/nonexistent/s', secret: '' }, 1, 1, () => {})
  lanes.need(1)
  assert.throws(() => lanes.need(1), { name: 'ProtocolViolation' })
  lanes.close(new Set())
})
