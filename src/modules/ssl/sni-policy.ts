/**
 * Whether a request may be answered by another virtual host than the one its TLS connection was made for.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_ssl.html#sslvhostsnipolicy
 */
import type { ServerConfig } from '../../config/site.js'
import { type SniPolicy, type SslServer, sslServer } from './settings.js'

/** The set-up of the handshake: a host without `SSLEngine` has that of its address's first host. */
interface Handshake {
  readonly server: ServerConfig
}

/**
 * @param handshake whose settings the handshake was made with
 * @param named the host that the client named then, or the default one
 * @param asked the host of the request
 */
export function isSameSetup(
  handshake: Handshake,
  named: ServerConfig,
  asked: ServerConfig,
  policy: SniPolicy,
): boolean {
  if (policy === 'insecure' || named === asked) return true
  if (policy === 'strict') return false
  const ours = handshake.server.settings.get(sslServer)
  const theirs = asked.settings.get(sslServer)
  if (!theirs.engine) return false
  return print(ours, policy) === print(theirs, policy)
}

const prints = new WeakMap<SslServer, Partial<Record<SniPolicy, string>>>()

/** Everything that the policy compares as one text, made once for each server. */
function print(ssl: SslServer, policy: SniPolicy): string {
  let known = prints.get(ssl)
  if (known === undefined) {
    known = {}
    prints.set(ssl, known)
  }
  known[policy] ??= JSON.stringify([
    ssl.verifyClient,
    ssl.verifyDepth,
    ...[ssl.caFile, ssl.caPath, ssl.crlFile, ssl.crlPath].map((file) => file?.path),
    ssl.crlCheck,
    ...(policy === 'authonly'
      ? []
      : [
          ssl.certificates.map(({ path }) => path),
          ssl.keys.map(({ path }) => path),
          ssl.chain?.path,
          ssl.protocols,
          ssl.ciphers,
          ssl.ciphers13,
        ]),
  ])
  return known[policy]
}
