/** Copies of pieces of bodies: memory that is given back serves again, and none is much larger than what is in it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { giveBackPiece, keepPiece } from '../../src/http/http1/kept-pieces.js'

test('a copy is as it was when what was read is overwritten, and its memory serves again once it is given back', () => {
  const read = Buffer.alloc(64 * 1024, 'a')
  const first = keepPiece(read)
  read.fill('b')
  assert.ok(first.every((byte) => byte === 0x61))
  const second = keepPiece(read)
  assert.notEqual(second.buffer, first.buffer, 'nobody has given the first one back')
  giveBackPiece(first)
  const third = keepPiece(read.subarray(0, 50_000))
  assert.equal(third.buffer, first.buffer)
  assert.ok(third.length === 50_000 && third.every((byte) => byte === 0x62))
})

test('a copy holds at most twice its own size', () => {
  const read = Buffer.alloc(64 * 1024)
  for (const length of [8 * 1024, 20_000, 32 * 1024 - 1, 32 * 1024, 64 * 1024]) {
    const { buffer } = keepPiece(read.subarray(0, length))
    assert.ok(buffer.byteLength <= 2 * length, `${length} bytes in ${buffer.byteLength}`)
  }
})
