import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { inetAddress } from '../../src/server/addresses.js'
import { ListenError, Listeners } from '../../src/server/listeners.js'
import { freePorts } from '../support/server.js'

const at = (host: string, port: number) => ({ host, port, protocol: 'http' })

/** Whether something accepts there: a listening socket does so in the kernel, before anyone asks it. */
function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

test('binds an address, and closes it when it is no longer wanted', async () => {
  const [first = 0, second = 0] = await freePorts(2)
  const listeners = new Listeners()
  const before = listeners.prepare([at('127.0.0.1', first)], 16)
  assert.ok(await connects('127.0.0.1', first))

  const after = listeners.prepare([at('127.0.0.1', second)], 16)
  assert.ok(await connects('127.0.0.1', first), 'the old socket stays until the change is final')
  listeners.commit(after)
  assert.equal(await connects('127.0.0.1', first), false)
  assert.ok(await connects('127.0.0.1', second))
  assert.notEqual(before[0]?.fd, undefined)
  listeners.close()
  assert.equal(await connects('127.0.0.1', second), false)
})

test('an address that stays keeps its socket', async () => {
  const [port = 0] = await freePorts(1)
  const listeners = new Listeners()
  const [before] = listeners.prepare([at('127.0.0.1', port)], 16)
  const after = listeners.prepare([{ ...at('127.0.0.1', port), protocol: 'https' }], 16)
  listeners.commit(after)
  assert.equal(after[0]?.fd, before?.fd)
  assert.equal(after[0]?.protocol, 'https')
  listeners.close()
})

test('a port without address takes IPv6 and IPv4', async () => {
  const [port = 0] = await freePorts(1)
  const listeners = new Listeners()
  listeners.prepare([at('', port)], 16)
  assert.ok(await connects('127.0.0.1', port))
  if (await connects('::1', port)) {
    // an IPv6 address alone does not take IPv4
    const [other = 0] = await freePorts(1)
    listeners.prepare([at('::1', other)], 16)
    assert.equal(await connects('127.0.0.1', other), false)
    assert.ok(await connects('::1', other))
  }
  listeners.close()
})

test('a port that is taken is named in httpd’s words, and nothing new stays open', async () => {
  const [taken = 0, free = 0] = await freePorts(2)
  const other = createServer()
  await new Promise<void>((resolve) => void other.listen(taken, '127.0.0.1', resolve))
  const listeners = new Listeners()
  assert.throws(
    () => listeners.prepare([at('127.0.0.1', free), at('127.0.0.1', taken)], 16),
    (error) => {
      assert.ok(error instanceof ListenError)
      assert.equal(
        error.message,
        `(98)Address already in use: AH00072: make_sock: could not bind to address 127.0.0.1:${taken}`,
      )
      return true
    },
  )
  assert.equal(await connects('127.0.0.1', free), false)
  assert.deepEqual(listeners.open, [])
  other.close()
})

test('a given socket is used and stays open, whether it is wanted or not', async () => {
  const [first = 0, second = 0, bound = 0] = await freePorts(3)
  const manager = new Listeners()
  const given = manager
    .prepare([at('127.0.0.1', first), at('127.0.0.1', second)], 16)
    .map(({ fd, host, port }) => ({
      fd,
      name: 'unknown',
      address: inetAddress(host, port),
      port,
      isDualStack: false,
    }))
  const listeners = new Listeners(given)
  const ready = listeners.prepare([at('', first), at('127.0.0.1', bound)], 16)
  assert.equal(ready[0]?.fd, given[0]?.fd)
  assert.ok(await connects('127.0.0.1', bound))
  assert.deepEqual(listeners.idle(ready), [`127.0.0.1:${second}`])

  const after = listeners.prepare([at('127.0.0.1', second)], 16)
  listeners.commit(after)
  assert.equal(await connects('127.0.0.1', bound), false)
  assert.ok(await connects('127.0.0.1', first), 'the next configuration may want it')
  assert.equal(listeners.prepare([at('127.0.0.1', first)], 16)[0]?.fd, given[0]?.fd)

  assert.throws(
    () => listeners.prepare([at('0.0.0.0', first)], 16),
    (error: Error) => {
      assert.equal(
        error.message,
        `(98)Address already in use: AH00072: make_sock: could not bind to address 0.0.0.0:${first}
No socket of the service manager is for an address that could not be bound. It has handed over: 127.0.0.1:${first}, 127.0.0.1:${second}`,
      )
      return true
    },
  )
  listeners.close()
  assert.equal(await connects('127.0.0.1', first), false)
})
