export const AF_UNIX = 1

/**
 * `struct sockaddr_un`; the BSDs put the length first and the family into one byte.
 * @param name of the socket's file; with a NUL in front a name of Linux's own space, which is no file and has no end mark
 */
export function unixAddress(name: Buffer): Buffer {
  const address = Buffer.alloc(2 + name.length + (name[0] === 0 ? 0 : 1))
  if (process.platform === 'darwin') {
    address[0] = address.length
    address[1] = AF_UNIX
  } else address.writeUInt16LE(AF_UNIX, 0)
  name.copy(address, 2)
  return address
}
