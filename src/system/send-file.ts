/**
 * sendfile(2): a part of a file goes to a socket inside the kernel, without a copy in this process. What the kernel has in memory is sent at once. All
 * else is sent by a thread of libuv's pool, so that a slow disk holds up that thread and not the event loop.
 */
import { closeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { duplicate, lastError, native } from './libc.js'
import { isInMemory } from './page-cache.js'

/** How much goes at once in a turn of the event loop, which takes 0.05 ms. */
const AT_ONCE_BYTES = 256 * 1024
/** How much a call of a thread sends (0.15 to 0.5 ms). 4 MiB would save a tenth, 256 KiB cost a quarter more. */
const CALL_MAX_BYTES = 1024 * 1024
/** Calls of threads at a time; further ones wait in order. The pool has four threads, of which embedded Python takes one, and a slow disk must not take all. */
const CALLS_MAX = 2

const EAGAIN = 11

/** `long` is `off_t` and `ssize_t` where both have 64 bits: {@link isThere}. */
const sendfile = native<[socket: number, file: number, offset: BigInt64Array, count: number]>(
  'long sendfile(int, int, void *, size_t)',
)

const NARROW = new Set(['arm', 'ia32', 'mips', 'mipsel'])

/** Other systems have another call of this name. */
let isThere = process.platform === 'linux' && !NARROW.has(process.arch)
let calls = 0
const waiting: (() => void)[] = []

/** For the calls that are over when they return. */
const reused = new BigInt64Array(new ArrayBuffer(8))

export interface Sent {
  readonly bytes: number
  /**
   * `more`: the socket may take more; `full`: it does not; `unknown`: nothing was sent, since the file has ended, or the call is not to be had, or has failed.
   * Reading and writing in the ordinary way tells why.
   */
  readonly next: 'more' | 'full' | 'unknown'
}

const NOTHING: Sent = { bytes: 0, next: 'unknown' }
const FULL: Sent = { bytes: 0, next: 'full' }

/**
 * Sends a piece of a part of a file, as much as the socket takes at once and leaves other clients their turn. The descriptor of the file has to stay open until then;
 * the socket may be closed meanwhile.
 * @param lend the descriptor of a socket that does not block; asked when the call's turn has come. undefined: there is none (any more)
 * @param position where in the file the part begins, `count` its size, both in bytes
 */
export async function sendFile(
  lend: () => number | undefined,
  file: number,
  position: number,
  count: number,
): Promise<Sent> {
  try {
    const socket = isThere ? lend() : undefined
    if (socket === undefined) return NOTHING
    const atOnce = Math.min(count, AT_ONCE_BYTES)
    // What lies between the two is, too, as a rule: files are read ahead.
    if (!isInMemory(file, position + atOnce - 1) || !isInMemory(file, position))
      return await sendByThread(lend, file, position, Math.min(count, CALL_MAX_BYTES))
    const sent = sendAtOnce(socket, file, position, atOnce)
    await nextTurn()
    return sent
  } catch {
    isThere = false
    return NOTHING
  }
}

function sendAtOnce(socket: number, file: number, position: number, count: number): Sent {
  const offset = offsetOf(position, reused)
  if (sendfile(socket, file, offset, count) === -1 && lastError() === EAGAIN) return FULL
  return outcome(Number(offset[0]) - position, count)
}

async function sendByThread(
  lend: () => number | undefined,
  file: number,
  position: number,
  count: number,
): Promise<Sent> {
  if (calls < CALLS_MAX) calls += 1
  else await new Promise<void>((resolve) => waiting.push(resolve))
  let own = -1
  try {
    const socket = lend()
    // A descriptor of the call's own: were the socket closed meanwhile, its number could be another client's.
    if (socket !== undefined) own = duplicate(socket)
    if (own === -1) return NOTHING
    return outcome(await callSendfile(own, file, position, count), count)
  } finally {
    if (own !== -1) closeSync(own)
    const next = waiting.shift()
    if (next === undefined) calls -= 1
    else next()
  }
}

function callSendfile(socket: number, file: number, position: number, count: number): Promise<number> {
  const offset = offsetOf(position)
  return new Promise((resolve, reject) => {
    sendfile.async(socket, file, offset, count, (error) => {
      if (error === null) resolve(Number(offset[0]) - position)
      else reject(error)
    })
  })
}

function outcome(bytes: number, count: number): Sent {
  return bytes === 0 ? NOTHING : { bytes, next: bytes === count ? 'more' : 'full' }
}

/** Memory that stays where it is. To be used after the call, so that it is there until then. */
function offsetOf(position: number, memory = new BigInt64Array(new ArrayBuffer(8))): BigInt64Array {
  memory[0] = BigInt(position)
  return memory
}
