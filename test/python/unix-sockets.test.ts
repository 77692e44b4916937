/** UNIX sockets by descriptor. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { closeFd, listenUnix, socketPair } from '../../src/python/unix-sockets.js'
import { SystemCallError } from '../../src/system/libc.js'

const directory = mkdtempSync(join(tmpdir(), 'sockets-'))
after(() => rmSync(directory, { recursive: true }))

test('a listening socket: mode, connection, and again over a stale one', async () => {
  const path = join(directory, 'a')
  const first = listenUnix(path)
  assert.equal(statSync(path).mode & 0o777, 0o700)
  closeFd(first)
  const second = listenUnix(path, { mode: 0o750, backlog: 5 })
  assert.equal(statSync(path).mode & 0o777, 0o750)
  const client = connect(path)
  await once(client, 'connect')
  client.destroy()
  closeFd(second)
})

test('a pair carries bytes', async () => {
  const [a, b] = socketPair().map((fd) => new Socket({ fd, readable: true, writable: true })) as [
    Socket,
    Socket,
  ]
  a.end('hello')
  b.setEncoding('utf8')
  assert.deepEqual(await once(b, 'data'), ['hello'])
  a.destroy()
  b.destroy()
})

test('errors have the name of what went wrong', () => {
  writeFileSync(join(directory, 'file'), '')
  assert.throws(
    () => listenUnix(join(directory, 'file')),
    (error) => error instanceof SystemCallError && error.code === 'EADDRINUSE',
  )
  assert.throws(() => listenUnix(join(directory, 'x'.repeat(200))), RangeError)
})
