/**
 * HTTP/2 without TLS, known by the client's first bytes (prior knowledge).
 * Rules: RFC 9113 sections 3.3 and 3.4.
 */
import type { Socket } from 'node:net'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/**
 * Looks at what a client sends first, without taking it. Exactly one of the two is called, unless the client goes first.
 * @param timeoutMs after which it is taken for HTTP/1, which has its own time limits
 */
export function whenPreface(
  socket: Socket,
  timeoutMs: number,
  isHttp2: () => void,
  isHttp1: () => void,
): void {
  let received: Buffer = Buffer.alloc(0)
  const decide = (then: () => void): void => {
    clearTimeout(timer)
    socket.off('readable', look)
    socket.off('close', gone)
    for (const event of ['end', 'error'] as const) socket.off(event, cut)
    if (received.length > 0) socket.unshift(received)
    then()
  }
  const look = (): void => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read())
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    const length = Math.min(received.length, PREFACE.length)
    if (received.compare(PREFACE, 0, length, 0, length) !== 0) decide(isHttp1)
    else if (length === PREFACE.length) decide(isHttp2)
  }
  const gone = (): void => clearTimeout(timer)
  const cut = (): void => void socket.destroy()
  const timer = setTimeout(() => decide(isHttp1), timeoutMs).unref()
  socket.on('readable', look)
  socket.on('close', gone)
  for (const event of ['end', 'error'] as const) socket.on(event, cut)
}
