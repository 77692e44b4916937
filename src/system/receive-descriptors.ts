/**
 * The other end of send-descriptors.ts: takes open descriptors from a UNIX socket. Linux alone.
 */
import { close, foreign, lastError, native, SystemCallError } from './libc.js'
import { CMSGHDR, IOVEC, MSGHDR, SCM_RIGHTS, SOL_SOCKET } from './send-descriptors.js'

const recvmsg = native<[fd: number, message: Buffer, flags: number]>('intptr_t recvmsg(int, uint8_t *, int)')

/** What is received is not inherited by accident. */
const MSG_CMSG_CLOEXEC = 0x40000000
const MSG_DONTWAIT = 0x40
const EINTR = 4
/** More than the kernel puts into one message. */
const ROOM = 256

/**
 * Waits until so many have come. The socket must be a blocking one, and carry nothing else than one byte with each batch of descriptors.
 * @param waits otherwise they have to be there already
 * @throws {SystemCallError}, or Error when the other end is closed before; what has come is closed then
 */
export function receiveDescriptors(socket: number, count: number, waits = true): number[] {
  const koffi = foreign()
  const controlBytes = CMSGHDR + ROOM * 4
  const vectorAt = controlBytes
  const byteAt = vectorAt + IOVEC
  const memory = koffi.alloc('uint8_t', byteAt + 8)
  const start = koffi.address(memory) as bigint
  const received: number[] = []
  const flags = MSG_CMSG_CLOEXEC | (waits ? 0 : MSG_DONTWAIT)
  try {
    while (received.length < count) {
      const vector = Buffer.alloc(IOVEC)
      vector.writeBigUInt64LE(start + BigInt(byteAt), 0)
      vector.writeBigUInt64LE(1n, 8)
      koffi.encode(memory, vectorAt, 'uint8_t', vector, IOVEC)
      const message = Buffer.alloc(MSGHDR)
      message.writeBigUInt64LE(start + BigInt(vectorAt), 16)
      message.writeBigUInt64LE(1n, 24)
      message.writeBigUInt64LE(start, 32)
      message.writeBigUInt64LE(BigInt(controlBytes), 40)
      const length = recvmsg(socket, message, flags)
      if (length === -1 && lastError() === EINTR) continue
      if (length === -1) throw new SystemCallError('recvmsg', lastError())
      if (length === 0) throw new Error('the socket for descriptors was closed')
      const control = Buffer.from(koffi.decode(memory, 'uint8_t', controlBytes) as Uint8Array)
      if (control.readInt32LE(8) !== SOL_SOCKET || control.readInt32LE(12) !== SCM_RIGHTS) continue
      const end = Number(control.readBigUInt64LE(0))
      for (let at = CMSGHDR; at + 4 <= end; at += 4) received.push(control.readInt32LE(at))
    }
    return received
  } catch (error) {
    for (const fd of received) close(fd)
    throw error
  } finally {
    koffi.free(memory)
  }
}
