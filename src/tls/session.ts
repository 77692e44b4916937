/**
 * A client's TLS connection as the modules see it: which server's certificate it was given, what is known of the client's own, and mod_ssl's
 * variables of both.
 */
import type { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import type { ServerConfig } from '../config/site.js'
import type { ClientAuth, HostTls } from './contexts.js'
import { TlsVariables } from './variables.js'

/** What came of the client's certificate. */
export type ClientVerdict =
  | { readonly kind: 'none' }
  | { readonly kind: 'valid' }
  /** `optional_no_ca`: shown, but nobody vouches for it. */
  | { readonly kind: 'generous' }
  | { readonly kind: 'failed'; readonly why: string }

/** What is wrong with a certificate that nobody known has signed: what `optional_no_ca` lets pass. */
const UNKNOWN_AUTHORITY = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
])

export class TlsSession {
  readonly verdict: ClientVerdict
  /** The client's, as far as it was asked for one. */
  readonly certificate: X509Certificate | undefined
  // kept, as logs ask for them when the connection may be gone
  readonly protocol: string
  readonly cipher: string
  #variables: TlsVariables | undefined

  constructor(
    readonly socket: TLSSocket,
    /** Whose settings the handshake was made with. */
    readonly host: HostTls,
    /** The server that the client named in the handshake; the address's default where it named none. */
    readonly server: ServerConfig,
    /** Lower case. */
    readonly serverName: string | undefined,
  ) {
    this.certificate = host.auth.ask ? socket.getPeerX509Certificate() : undefined
    this.verdict = verdictOf(socket, host.auth, this.certificate)
    this.protocol = socket.getProtocol() ?? ''
    this.cipher = socket.getCipher()?.name ?? ''
  }

  /** The client's certificate failed for want of somebody who vouches for it, and for nothing else. */
  get isUnknownAuthority(): boolean {
    return this.verdict.kind === 'failed' && UNKNOWN_AUTHORITY.has(this.verdict.why)
  }

  get chainDepth(): number {
    return chainDepth(this.socket)
  }

  get variables(): TlsVariables {
    this.#variables ??= new TlsVariables(this)
    return this.#variables
  }
}

function verdictOf(
  socket: TLSSocket,
  auth: ClientAuth,
  certificate: X509Certificate | undefined,
): ClientVerdict {
  if (certificate === undefined) return { kind: 'none' }
  if (!socket.authorized) {
    // Node gives a code, whatever its types say
    const why = String(socket.authorizationError ?? 'unknown')
    return auth.verify === 'optional_no_ca' && UNKNOWN_AUTHORITY.has(why)
      ? { kind: 'generous' }
      : { kind: 'failed', why }
  }
  return { kind: 'valid' }
}

/** Certificates above the client's own, as far as its chain is known; a resumed session knows none. */
export function chainDepth(socket: TLSSocket): number {
  let depth = 0
  let at: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true) ?? undefined
  while (at?.issuerCertificate !== undefined && at.issuerCertificate.fingerprint256 !== at.fingerprint256) {
    at = at.issuerCertificate
    depth++
  }
  return depth
}
