/**
 * Hands open descriptors to another process over a UNIX socket (`SCM_RIGHTS`), which Node does not offer. Linux alone: the layout of the
 * structures is the kernel's for 64-bit processes.
 */
import { foreign, lastError, native, SystemCallError } from './libc.js'

const sendmsg = native<[fd: number, message: Buffer, flags: number]>(
  'intptr_t sendmsg(int, const uint8_t *, int)',
)

export const SOL_SOCKET = 1
export const SCM_RIGHTS = 1
const MSG_NOSIGNAL = 0x4000
const EINTR = 4
const EAGAIN = 11
/** Bytes of struct cmsghdr, iovec and msghdr. */
export const CMSGHDR = 16
export const IOVEC = 16
export const MSGHDR = 56
/** A receiver that does not read has this many tries, as its buffer takes hundreds of messages. */
const ATTEMPTS = 3

export const CAN_SEND_DESCRIPTORS = process.platform === 'linux'

/**
 * Sends bytes, and with the first of them the descriptors; they stay open here. All in one message.
 * @throws {SystemCallError}
 */
export function sendDescriptors(socket: number, bytes: Buffer, descriptors: readonly number[]): void {
  const koffi = foreign()
  const controlBytes = CMSGHDR + descriptors.length * 4
  // One piece of memory: control data, vector, bytes; the first two want to be aligned.
  const vectorAt = Math.ceil(controlBytes / 8) * 8
  const bytesAt = vectorAt + IOVEC
  const content = Buffer.alloc(bytesAt + bytes.length)
  const memory = koffi.alloc('uint8_t', content.length)
  try {
    const start = koffi.address(memory) as bigint
    content.writeBigUInt64LE(BigInt(controlBytes), 0)
    content.writeInt32LE(SOL_SOCKET, 8)
    content.writeInt32LE(SCM_RIGHTS, 12)
    descriptors.forEach((fd, index) => {
      content.writeInt32LE(fd, CMSGHDR + index * 4)
    })
    content.writeBigUInt64LE(start + BigInt(bytesAt), vectorAt)
    content.writeBigUInt64LE(BigInt(bytes.length), vectorAt + 8)
    bytes.copy(content, bytesAt)
    koffi.encode(memory, 'uint8_t', content, content.length)
    const message = Buffer.alloc(MSGHDR)
    message.writeBigUInt64LE(start + BigInt(vectorAt), 16)
    message.writeBigUInt64LE(1n, 24)
    message.writeBigUInt64LE(start, 32)
    message.writeBigUInt64LE(BigInt(controlBytes), 40)
    for (let attempt = 1; ; attempt++) {
      if (sendmsg(socket, message, MSG_NOSIGNAL) === bytes.length) return
      const errno = lastError()
      if ((errno !== EINTR && errno !== EAGAIN) || attempt === ATTEMPTS)
        throw new SystemCallError('sendmsg', errno)
    }
  } finally {
    koffi.free(memory)
  }
}
