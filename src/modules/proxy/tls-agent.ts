/**
 * Connections to backends that speak TLS. A request is only written to one whose handshake is over and whose certificate has passed.
 */

import { Agent, type AgentOptions } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { checkServerIdentity, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'
import type { ProxyTls } from './tls-settings.js'

/** TLS with the backend has failed: not the connection, which was there. */
export class HandshakeFault extends Error {}

/** What the request's options say beside Node's own. */
export interface BackendConnect {
  /** Milliseconds until the handshake must be over. */
  readonly handshakeMs?: number
  /** The host name or address that the certificate is to be for. */
  readonly peerName?: string
}

/** What the backend is asked for by TLS: its name, never an address (RFC 6066, section 3). Node 26 throws where it is one. */
export function serverName(host: string): string {
  return isIP(host) === 0 ? host : ''
}

type Created = (error: Error | null, socket?: Duplex) => void

/** The pool of a backend's connections. No class of its own, which would have every start read Node's HTTPS. */
export function backendAgent(options: AgentOptions, tls: ProxyTls): Agent {
  const { protocols, ciphers, authorities } = tls
  const agent = new Agent({
    ...options,
    // judged below, so that the reason can be told and what is not asked for is not checked
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...(protocols && { minVersion: protocols.min, maxVersion: protocols.max }),
    ...(ciphers === undefined ? {} : { ciphers }),
    ...(authorities.length > 0 ? { ca: [...authorities] } : {}),
  })
  const connect = Reflect.get(agent, 'createConnection') as (this: Agent, options: object) => TLSSocket
  const createConnection = (options: BackendConnect, created: Created) => {
    const socket = connect.call(agent, options)
    let isConnected = false
    const settle = (error: Error | null): void => {
      clearTimeout(timer)
      socket.off('error', failed)
      socket.off('close', closed)
      if (error === null) created(null, socket)
      else {
        socket.on('error', () => {})
        socket.destroy()
        created(error)
      }
    }
    const failed = (error: Error): void => settle(isConnected ? new HandshakeFault(error.message) : error)
    const closed = (): void => settle(new HandshakeFault('the connection was closed'))
    const timer = setTimeout(
      () => settle(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
      options.handshakeMs ?? 60_000,
    )
    socket.once('error', failed)
    socket.once('close', closed)
    socket.once('connect', () => {
      isConnected = true
    })
    socket.once('secureConnect', () => {
      const fault = faultOf(socket, options.peerName ?? '', tls)
      settle(fault === undefined ? null : new HandshakeFault(fault))
    })
  }
  return Object.assign(agent, { createConnection })
}

/** Faults of who signed a certificate, not of the certificate: `optional_no_ca` does not mind them. */
const UNKNOWN_SIGNER = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** Why the certificate will not do; undefined: it will. */
function faultOf(socket: TLSSocket, host: string, tls: ProxyTls): string | undefined {
  const certificate = socket.getPeerCertificate(true)
  if (certificate?.subject === undefined) return 'the backend has shown no certificate'
  if (tls.verify !== 'none') {
    // Node gives OpenSSL's code as the text of an error
    const reason = String(
      (socket.authorizationError as unknown as { code?: string })?.code ?? socket.authorizationError ?? '',
    )
    const tolerated = tls.verify === 'optional_no_ca' && UNKNOWN_SIGNER.has(reason)
    if (!socket.authorized && !tolerated) return `certificate verification failed: ${reason}`
    const depth = depthOf(certificate)
    if (depth > tls.verifyDepth)
      return `certificate chain too long (chain has ${depth} certificates above the first, SSLProxyVerifyDepth allows ${tls.verifyDepth})`
  }
  const now = Date.now()
  if (
    tls.checkExpiry &&
    !(Date.parse(certificate.valid_from) <= now && now <= Date.parse(certificate.valid_to))
  )
    return 'SSL Proxy: Peer certificate is expired'
  return wrongName(certificate, host, tls)
}

function wrongName(certificate: DetailedPeerCertificate, host: string, tls: ProxyTls): string | undefined {
  const { checkName, checkCommonName } = tls
  if (checkName !== false && (checkCommonName !== false || checkName === true))
    return checkServerIdentity(host, certificate) === undefined
      ? undefined
      : `SSL Proxy: Peer certificate does not match for hostname ${host}`
  if (checkCommonName !== true) return undefined
  const name = certificate.subject.CN
  return typeof name === 'string' && name.toLowerCase() === host.toLowerCase()
    ? undefined
    : `SSL Proxy: Peer certificate CN mismatch: Certificate CN: ${name} Requested hostname: ${host}`
}

/** How many certificates lie above the backend's own. */
function depthOf(certificate: DetailedPeerCertificate): number {
  let depth = 0
  let at = certificate
  while (at.issuerCertificate !== undefined && at.issuerCertificate.fingerprint256 !== at.fingerprint256) {
    depth++
    at = at.issuerCertificate
  }
  return depth
}
