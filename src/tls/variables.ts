/**
 * mod_ssl's variables of one connection: `%{SSL_…}x` in logs, `SSL_…` in the environ with `SSLOptions +StdEnvVars`. Each is made when it is
 * first asked for, and kept as long as the connection.
 * Names: https://httpd.apache.org/docs/2.4/mod/mod_ssl.html#envvars
 */
import type { X509Certificate } from 'node:crypto'
import { VERSION } from '../system/package-root.js'
import type { CertificateFacts } from './certificate.js'
import { certificateFacts, extensionTexts } from './certificate.js'
import { derChildren } from './der.js'
import type { TlsSession } from './session.js'

/** A certificate and what is told of it. */
interface Known {
  readonly certificate: X509Certificate
  readonly facts: CertificateFacts
}

const DAY_MS = 86_400_000

/** Variables of a certificate, by what follows `SSL_CLIENT_` or `SSL_SERVER_`. */
const OF_CERTIFICATE: Readonly<Record<string, (facts: CertificateFacts) => string>> = {
  M_VERSION: ({ version }) => String(version),
  M_SERIAL: ({ serial }) => serial,
  V_START: ({ validFrom }) => validFrom,
  V_END: ({ validTo }) => validTo,
  V_REMAIN: ({ validToMs }) => String(Math.max(0, Math.floor((validToMs - Date.now()) / DAY_MS))),
  S_DN: ({ subject }) => subject.text,
  I_DN: ({ issuer }) => issuer.text,
  A_SIG: ({ signatureAlgorithm }) => signatureAlgorithm,
  A_KEY: ({ keyAlgorithm }) => keyAlgorithm,
}

/** Variables of the connection itself. */
const OF_CONNECTION: Readonly<Record<string, (variables: TlsVariables) => string | undefined>> = {
  HTTPS: () => 'on',
  SSL_PROTOCOL: ({ session }) => session.protocol,
  SSL_CIPHER: ({ session }) => session.cipher,
  SSL_CIPHER_EXPORT: () => 'false',
  SSL_CIPHER_USEKEYSIZE: ({ session }) => keyBits(session.cipher),
  SSL_CIPHER_ALGKEYSIZE: ({ session }) => keyBits(session.cipher),
  SSL_COMPRESS_METHOD: () => 'NULL',
  SSL_SECURE_RENEG: () => 'true',
  SSL_SESSION_ID: ({ session }) => sessionId(session.socket.getSession()),
  SSL_SESSION_RESUMED: ({ session }) => (session.socket.isSessionReused() ? 'Resumed' : 'Initial'),
  SSL_TLS_SNI: ({ session }) => session.serverName,
  SSL_VERSION_INTERFACE: () => `mod_ssl/${VERSION}`,
  SSL_VERSION_LIBRARY: () => `OpenSSL/${process.versions.openssl}`,
  SSL_CLIENT_VERIFY: ({ session: { verdict } }) =>
    verdict.kind === 'none'
      ? 'NONE'
      : verdict.kind === 'valid'
        ? 'SUCCESS'
        : verdict.kind === 'generous'
          ? 'GENEROUS'
          : `FAILED:${verdict.why}`,
  SSL_CLIENT_VERIFY_ERRSTR: ({ session: { verdict } }) =>
    verdict.kind === 'failed' ? verdict.why : undefined,
  SSL_CLIENT_CERT_RFC4523_CEA: ({ client }) => client && exactAssertion(client.facts),
}

/** What `+StdEnvVars` sets of each kind. */
const STANDARD_CONNECTION = [
  'SSL_VERSION_INTERFACE',
  'SSL_VERSION_LIBRARY',
  'SSL_PROTOCOL',
  'SSL_SECURE_RENEG',
  'SSL_COMPRESS_METHOD',
  'SSL_CIPHER',
  'SSL_CIPHER_EXPORT',
  'SSL_CIPHER_USEKEYSIZE',
  'SSL_CIPHER_ALGKEYSIZE',
  'SSL_CLIENT_VERIFY',
  'SSL_SESSION_ID',
  'SSL_SESSION_RESUMED',
  'SSL_CLIENT_CERT_RFC4523_CEA',
] as const
const STANDARD_CERTIFICATE = Object.keys(OF_CERTIFICATE)

export class TlsVariables {
  readonly #known = new Map<string, string | undefined>()
  readonly #client: Known | undefined
  #server: Known | null | undefined
  #standard: readonly (readonly [name: string, value: string])[] | undefined
  #chain: readonly X509Certificate[] | undefined

  constructor(readonly session: TlsSession) {
    const { certificate } = session
    this.#client = certificate && { certificate, facts: certificateFacts(certificate.raw) }
  }

  get client(): Known | undefined {
    return this.#client
  }

  get server(): Known | undefined {
    if (this.#server === undefined) {
      const certificate = this.session.socket.getX509Certificate()
      this.#server = certificate ? { certificate, facts: certificateFacts(certificate.raw) } : null
    }
    return this.#server ?? undefined
  }

  /** The value of a variable; undefined where there is none of that name, or nothing to tell. */
  readonly get = (name: string): string | undefined => {
    if (this.#known.has(name)) return this.#known.get(name)
    const value = this.#find(name)
    // names come from the configuration, so there are few
    this.#known.set(name, value)
    return value
  }

  /** The same with whole names as OpenSSL wrote them of old: `+LegacyDNStringFormat`. */
  readonly getLegacy = (name: string): string | undefined => {
    const [, whose, which] = /^SSL_(CLIENT|SERVER)_([SI])_DN$/.exec(name) ?? []
    if (which === undefined) return this.get(name)
    const facts = (whose === 'CLIENT' ? this.client : this.server)?.facts
    return (which === 'S' ? facts?.subject : facts?.issuer)?.oneLine
  }

  /** Names and values for `+StdEnvVars`. */
  get standard(): readonly (readonly [name: string, value: string])[] {
    if (this.#standard === undefined) {
      const all: [string, string][] = []
      const add = (name: string) => {
        const value = this.get(name)
        if (value !== undefined) all.push([name, value])
      }
      for (const name of STANDARD_CONNECTION) add(name)
      for (const [whose, known] of [
        ['SERVER', this.server],
        ['CLIENT', this.client],
      ] as const) {
        if (known === undefined) continue
        const { facts } = known
        // that of the server is not shown
        for (const name of STANDARD_CERTIFICATE)
          if (name !== 'V_REMAIN' || whose === 'CLIENT') add(`SSL_${whose}_${name}`)
        for (const [suffix, value] of facts.subject.variables())
          all.push([`SSL_${whose}_S_DN_${suffix}`, value])
        for (const [suffix, value] of facts.issuer.variables())
          all.push([`SSL_${whose}_I_DN_${suffix}`, value])
        for (const [index, value] of facts.emails.entries())
          all.push([`SSL_${whose}_SAN_Email_${index}`, value])
        for (const [index, value] of facts.dnsNames.entries())
          all.push([`SSL_${whose}_SAN_DNS_${index}`, value])
      }
      this.#standard = all
    }
    return this.#standard
  }

  /** Names and values for `+ExportCertData`. */
  *exported(): Iterable<readonly [name: string, value: string]> {
    yield ['SSL_SERVER_CERT', this.server?.certificate.toString() ?? '']
    yield ['SSL_CLIENT_CERT', this.client?.certificate.toString() ?? '']
    for (const [index, certificate] of this.chain.entries())
      yield [`SSL_CLIENT_CERT_CHAIN_${index}`, certificate.toString()]
  }

  /** Texts of an extension of the client's certificate. @param oid object identifier in dots */
  clientExtensions(oid: string): readonly string[] {
    if (this.#client === undefined) return []
    try {
      return extensionTexts(this.#client.facts, oid)
    } catch {
      return [] // what the extension holds is no DER
    }
  }

  /** The certificates above the client's own. */
  get chain(): readonly X509Certificate[] {
    if (this.#chain === undefined) {
      const chain: X509Certificate[] = []
      let at = this.client?.certificate
      while (
        at?.issuerCertificate !== undefined &&
        at.issuerCertificate.fingerprint256 !== at.fingerprint256
      ) {
        at = at.issuerCertificate
        chain.push(at)
      }
      this.#chain = chain
    }
    return this.#chain
  }

  #find(name: string): string | undefined {
    const own = OF_CONNECTION[name]
    if (own !== undefined) return own(this)
    const [, whose, part = ''] = /^SSL_(CLIENT|SERVER)_(.+)$/.exec(name) ?? []
    if (whose === undefined) return undefined
    const known = whose === 'CLIENT' ? this.client : this.server
    if (known === undefined) return undefined
    if (part === 'CERT') return known.certificate.toString()
    const [, link] = /^CERT_CHAIN_(\d+)$/.exec(part) ?? []
    if (link !== undefined && whose === 'CLIENT') return this.chain[Number(link)]?.toString()
    return ofCertificate(known.facts, part)
  }
}

function ofCertificate(facts: CertificateFacts, part: string): string | undefined {
  const plain = OF_CERTIFICATE[part]
  if (plain !== undefined) return plain(facts)
  const [, kind, variable = '', index] = /^([SI])_DN_([A-Za-z]+)(?:_(\d+))?$/.exec(part) ?? []
  if (kind !== undefined)
    return (kind === 'S' ? facts.subject : facts.issuer).get(variable, Number(index ?? 0))
  const [, san, at] = /^SAN_(Email|DNS)_(\d+)$/.exec(part) ?? []
  if (san !== undefined) return (san === 'Email' ? facts.emails : facts.dnsNames)[Number(at)]
  return undefined
}

/** Bits of the key, from the name of the cipher. */
function keyBits(cipher: string): string {
  if (/CHACHA20/.test(cipher)) return '256'
  if (/3DES|DES-CBC3/.test(cipher)) return '168'
  return /(?:AES_?|ARIA|CAMELLIA)-?(128|256)/.exec(cipher)?.[1] ?? '0'
}

/** The id stands in the stored form of a session: SEQUENCE { version, protocol, cipher, id, … }. */
function sessionId(session: Buffer | null | undefined): string | undefined {
  if (session === undefined || session === null) return undefined
  try {
    const [whole] = derChildren(session)
    const id = whole === undefined ? undefined : derChildren(whole.bytes)[3]
    return id === undefined || id.bytes.length === 0 ? undefined : id.bytes.toString('hex')
  } catch {
    return undefined
  }
}

/** RFC 4523's exact assertion, as httpd writes it. */
function exactAssertion({ serial, issuer }: CertificateFacts): string {
  return `{ serialNumber ${BigInt(`0x${serial}`)}, issuer rdnSequence:"${issuer.text}" }`
}
