/** Open descriptors that travel over a socket. */
import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { closeFd, socketPair } from '../../src/python/unix-sockets.js'
import { receiveDescriptors } from '../../src/system/receive-descriptors.js'
import { CAN_SEND_DESCRIPTORS, sendDescriptors } from '../../src/system/send-descriptors.js'

const where = { skip: !CAN_SEND_DESCRIPTORS && 'Linux only' }

test('descriptors arrive in order, however many messages they come in', where, () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-test-'))
  const [ours, theirs] = socketPair()
  const sent = ['a', 'b', 'c'].map((name) => openSync(path.join(directory, name), 'w'))
  sendDescriptors(ours, Buffer.from([0]), sent.slice(0, 2))
  sendDescriptors(ours, Buffer.from([0]), sent.slice(2))
  const received = receiveDescriptors(theirs, 3)
  received.forEach((fd, at) => void writeSync(fd, `number ${at}`))
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => readFileSync(path.join(directory, name), 'utf8')),
    ['number 0', 'number 1', 'number 2'],
  )
  for (const fd of [...sent, ...received]) closeSync(fd)
  closeFd(ours)
  closeFd(theirs)
  rmSync(directory, { recursive: true })
})

test('a receiver is told when the other end is gone', where, () => {
  const [ours, theirs] = socketPair()
  closeFd(ours)
  assert.throws(() => receiveDescriptors(theirs, 1), /closed/)
  closeFd(theirs)
})

test('a receiver that does not wait fails where fewer are there, and keeps none', where, () => {
  const [ours, theirs] = socketPair()
  const sent = openSync('/dev/null', 'r')
  sendDescriptors(ours, Buffer.from([0]), [sent])
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  assert.throws(() => receiveDescriptors(theirs, 2, false), { errno: constants.errno.EAGAIN })
  assert.equal(open(), before)
  closeSync(sent)
  closeFd(ours)
  closeFd(theirs)
})
