/**
 * sendfile(2): a part of a file goes to a socket inside the kernel, without a copy in this process. The call runs on a thread of libuv's pool, so that
 * a slow disk holds up that thread and not the event loop.
 */
import { closeSync } from 'node:fs'
import { duplicate, native } from './libc.js'

/** Calls at a time; further ones wait in order. The pool has four threads, of which embedded Python takes one, and a slow disk must not take all. */
const CALLS_MAX = 2

/** `long` is `off_t` and `ssize_t` where both have 64 bits: {@link isThere}. */
const sendfile = native<[socket: number, file: number, offset: BigInt64Array, count: number]>(
  'long sendfile(int, int, void *, size_t)',
)

const NARROW = new Set(['arm', 'ia32', 'mips', 'mipsel'])

/** Other systems have another call of this name. */
let isThere = process.platform === 'linux' && !NARROW.has(process.arch)
let calls = 0
const waiting: (() => void)[] = []

/**
 * Sends what the socket takes at once of a part of a file. The descriptor of the file has to stay open until then; the socket may be closed meanwhile.
 * @param lend the descriptor of a socket that does not block; asked when the call's turn has come. undefined: there is none (any more)
 * @param position where in the file the part begins, `count` its size, both in bytes
 * @returns bytes sent; 0 also where the file has ended, or the call is not to be had, or has failed: reading and writing in the ordinary way tells why
 */
export async function sendFile(
  lend: () => number | undefined,
  file: number,
  position: number,
  count: number,
): Promise<number> {
  if (!isThere || lend() === undefined) return 0
  if (calls < CALLS_MAX) calls += 1
  else await new Promise<void>((resolve) => waiting.push(resolve))
  let own = -1
  try {
    const socket = lend()
    // A descriptor of the call's own: were the socket closed meanwhile, its number could be another client's.
    if (socket !== undefined) own = duplicate(socket)
    return own === -1 ? 0 : await callSendfile(own, file, position, count)
  } catch {
    isThere = false
    return 0
  } finally {
    if (own !== -1) closeSync(own)
    const next = waiting.shift()
    if (next === undefined) calls -= 1
    else next()
  }
}

function callSendfile(socket: number, file: number, position: number, count: number): Promise<number> {
  // memory that stays where it is, and is used after the call, so that it is there until then
  const offset = new BigInt64Array(new ArrayBuffer(8))
  offset[0] = BigInt(position)
  return new Promise((resolve, reject) => {
    sendfile.async(socket, file, offset, count, (error) => {
      if (error === null) resolve(Number(offset[0]) - position)
      else reject(error)
    })
  })
}
