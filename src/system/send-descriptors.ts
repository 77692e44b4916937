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

/** Header, vector, control data, bytes: each begins at a multiple of 8. There is room for some hundreds of descriptors. */
const CONTROL_AT = MSGHDR + IOVEC
const MEMORY_BYTES = 4096

interface Memory {
  readonly allocated: unknown
  readonly bytes: Buffer
  readonly address: bigint
}

/** Outside of V8's heap, since the structures point at each other, and for all messages: to make and free it costs more than the call itself. */
let memory: Memory | undefined

function prepared(): Memory {
  if (memory !== undefined) return memory
  const koffi = foreign()
  const allocated = koffi.alloc('uint8_t', MEMORY_BYTES)
  const bytes = Buffer.from(koffi.view(allocated, MEMORY_BYTES))
  const address = koffi.address(allocated)
  bytes.fill(0)
  bytes.writeBigUInt64LE(address + BigInt(MSGHDR), 16)
  bytes.writeBigUInt64LE(1n, 24)
  bytes.writeBigUInt64LE(address + BigInt(CONTROL_AT), 32)
  bytes.writeInt32LE(SOL_SOCKET, CONTROL_AT + 8)
  bytes.writeInt32LE(SCM_RIGHTS, CONTROL_AT + 12)
  memory = { allocated, bytes, address }
  return memory
}

/**
 * Sends bytes, and with the first of them the descriptors; they stay open here. All in one message.
 * @throws {SystemCallError}
 * @throws {RangeError} where all of it is more than fits into a message
 */
export function sendDescriptors(socket: number, bytes: Buffer, descriptors: readonly number[]): void {
  const { bytes: message, address } = prepared()
  const controlBytes = CMSGHDR + descriptors.length * 4
  const bytesAt = CONTROL_AT + Math.ceil(controlBytes / 8) * 8
  if (bytesAt + bytes.length > MEMORY_BYTES) throw new RangeError('too much for one message')
  message.writeUInt32LE(controlBytes, 40)
  message.writeBigUInt64LE(address + BigInt(bytesAt), MSGHDR)
  message.writeUInt32LE(bytes.length, MSGHDR + 8)
  message.writeUInt32LE(controlBytes, CONTROL_AT)
  for (let index = 0; index < descriptors.length; index++)
    message.writeInt32LE(descriptors[index] as number, CONTROL_AT + CMSGHDR + index * 4)
  bytes.copy(message, bytesAt)
  for (let attempt = 1; ; attempt++) {
    if (sendmsg(socket, message, MSG_NOSIGNAL) === bytes.length) return
    const errno = lastError()
    if ((errno !== EINTR && errno !== EAGAIN) || attempt === ATTEMPTS)
      throw new SystemCallError('sendmsg', errno)
  }
}
