/** When the certificates of a configuration expire. */
import { X509Certificate } from 'node:crypto'
import type { Site } from '../config/site.js'
import { hostLabel, serversOf, type TlsMaterial } from './material.js'

export interface CertificateEnd {
  /** `ServerName:port` */
  readonly server: string
  /** `rsa`, `ec`: a server may have one of each. */
  readonly key: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Of servers that share a name and a port, the first certificate to expire. */
export function certificateEnds(site: Site, { hosts }: TlsMaterial): CertificateEnd[] {
  const ends = new Map<string, CertificateEnd>()
  for (const server of serversOf(site)) {
    for (const text of hosts[server.index]?.certificates ?? []) {
      const certificate = new X509Certificate(text)
      const end = {
        server: hostLabel(server),
        key: certificate.publicKey.asymmetricKeyType ?? 'unknown',
        at: Date.parse(certificate.validTo),
      }
      const name = `${end.key} ${end.server}`
      if (end.at < (ends.get(name)?.at ?? Number.POSITIVE_INFINITY)) ends.set(name, end)
    }
  }
  return [...ends.values()]
}
