/**
 * What is known of a socket's TLS, for whoever makes a connection object of the socket.
 */
import type { Duplex } from 'node:stream'
import type { TlsSession } from './session.js'

const sessions = new WeakMap<Duplex, TlsSession>()
const wrong = new WeakSet<Duplex>()

export function setTlsSession(socket: Duplex, session: TlsSession): void {
  sessions.set(socket, session)
}

/** Undefined for plain connections. */
export function tlsSessionOf(socket: Duplex): TlsSession | undefined {
  return sessions.get(socket)
}

/** Marks a plain connection to an address that speaks TLS. */
export function setPlainOnTls(socket: Duplex): void {
  wrong.add(socket)
}

export function isPlainOnTls(socket: Duplex): boolean {
  return wrong.has(socket)
}
