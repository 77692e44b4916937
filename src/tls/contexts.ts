/**
 * From settings and files to what Node's TLS servers take, and the checks that need the TLS library: ciphers, curves, certificates.
 * Manual: https://nodejs.org/docs/latest-v20.x/api/tls.html
 */
import { createHash, hkdfSync } from 'node:crypto'
import { createSecureContext, DEFAULT_CIPHERS, type TlsOptions } from 'node:tls'
import { ConfigError, type ConfigWarning } from '../config/errors.js'
import type { ServerConfig, Site } from '../config/site.js'
import { coreServer } from '../modules/core/settings.js'
import { requestReadTimeout } from '../modules/reqtimeout.js'
import { type SslServer, sslDir, sslServer, type VerifyClient } from '../modules/ssl/settings.js'
import { type HostMaterial, readMaterial, serversOf, type TlsMaterial } from './material.js'

/** Reads all files and tries them with the TLS library: what the supervisor and `-t` call. @throws ConfigError */
export function loadTls(site: Site, warn: (warning: ConfigWarning) => void): TlsMaterial | undefined {
  const material = readMaterial(site, warn)
  if (material !== undefined)
    for (const server of serversOf(site)) {
      const host = material.hosts[server.index]
      if (host !== undefined) checkContext(server, host)
    }
  return material
}

/** @throws ConfigError at the directive that is to blame */
function checkContext(server: ServerConfig, host: HostMaterial): void {
  const ssl = server.settings.get(sslServer)
  try {
    createSecureContext(secureOptions(ssl, host))
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const ofCiphers = /CIPHER/i.test(code) || /cipher/i.test(message)
    const at = (ofCiphers ? ssl.ciphersAt : undefined) ?? ssl.certificates[0]?.at ?? ssl.engineAt ?? server.at
    throw new ConfigError(
      at,
      ofCiphers
        ? `SSLCipherSuite: no cipher of this TLS library matches: ${message}`
        : `TLS cannot be set up with these certificates and settings: ${message}`,
    )
  }
}

function secureOptions(ssl: SslServer, host: HostMaterial): TlsOptions {
  return {
    cert: [...host.certificates],
    key: [...host.keys],
    // without this, client certificates of any public CA would do
    ca: [...host.authorities],
    ...(host.revocations.length === 0 ? {} : { crl: [...host.revocations] }),
    ...(host.dhParameters === undefined ? {} : { dhparam: host.dhParameters }),
    ...(ssl.groups === undefined ? {} : { ecdhCurve: ssl.groups }),
    ...(ssl.signatureAlgorithms === undefined ? {} : { sigalgs: ssl.signatureAlgorithms }),
    ciphers: ciphersOf(ssl),
    honorCipherOrder: ssl.honorCipherOrder,
    minVersion: ssl.protocols?.min ?? 'TLSv1',
    maxVersion: ssl.protocols?.max ?? 'TLSv1.3',
  }
}

/** Node takes both kinds of ciphers in one list. */
function ciphersOf({ ciphers, ciphers13 }: SslServer): string {
  const isModern = (name: string) => name.startsWith('TLS_')
  const defaults = DEFAULT_CIPHERS.split(':')
  const modern = ciphers13 ?? defaults.filter(isModern).join(':')
  const older = ciphers ?? defaults.filter((name) => !isModern(name)).join(':')
  return `${modern}:${older}`
}

/** How a server asks clients for certificates. */
export interface ClientAuth {
  /** Of the server as a whole. */
  readonly verify: VerifyClient
  readonly depth: number
  /** Asked for in the handshake; also where only some place of the server wants to see a certificate. */
  readonly ask: boolean
}

/** What a server's connections need, made once for each configuration. */
export interface HostTls {
  readonly server: ServerConfig
  readonly ssl: SslServer
  readonly auth: ClientAuth
  readonly options: TlsOptions
}

/** Settings and files of one server in the form that Node takes. */
export function hostTls(server: ServerConfig, host: HostMaterial, material: TlsMaterial): HostTls {
  const ssl = server.settings.get(sslServer)
  const auth = clientAuth(server, ssl)
  // A session of one host is no session of another: the other may ask for certificates, or for better ciphers.
  const print = digest([server.index, auth, host.authorities, host.revocations, host.certificates, ssl])
  const { minVersion, maxVersion, ...secure } = secureOptions(ssl, host)
  return {
    server,
    ssl,
    auth,
    options: {
      ...secure,
      ...(minVersion === undefined ? {} : { minVersion }),
      ...(maxVersion === undefined ? {} : { maxVersion }),
      requestCert: auth.ask,
      // The alert for a missing certificate is the library's; what is wrong with one that was shown is looked at after the handshake.
      rejectUnauthorized: auth.verify === 'require',
      handshakeTimeout: handshakeMs(server),
      sessionTimeout: ssl.sessionTimeout,
      sessionIdContext: print.slice(0, 32),
      ticketKeys: ticketKeys(host, material, print),
      ...(ssl.sessionTickets ? {} : { secureOptions: SSL_OP_NO_TICKET }),
      ...alpn(server),
    },
  }
}

/** `crypto.constants` has it, but not in Node's types of all versions. */
const SSL_OP_NO_TICKET = 0x4000

/** Milliseconds that a handshake may take. */
export function handshakeMs(server: ServerConfig): number {
  const { handshake } = server.settings.get(requestReadTimeout)
  return (handshake.timeout || server.settings.get(coreServer).timeout || 60) * 1000
}

/** Places may ask for certificates as well; the handshake comes before the place is known, so that it asks for all of them. */
function clientAuth(server: ServerConfig, ssl: SslServer): ClientAuth {
  const places = Object.values(server.sections).flatMap((sections) =>
    sections.map(({ settings }) => settings),
  )
  const wanted = [server.dir, ...places].some((place) => {
    const verify = place.peek(sslDir)?.verifyClient
    return verify !== undefined && verify !== 'none'
  })
  return { verify: ssl.verifyClient, depth: ssl.verifyDepth, ask: ssl.verifyClient !== 'none' || wanted }
}

/** In order of preference. Clients that negotiate nothing get HTTP/1.1, which is therefore always among them. */
function alpn(server: ServerConfig): TlsOptions {
  const { protocols, protocolsHonorOrder } = server.settings.get(coreServer)
  const served = protocols.filter((name) => name === 'h2' || name === 'http/1.1')
  const names = served.includes('http/1.1') ? served : [...served, 'http/1.1']
  if (protocolsHonorOrder) return { ALPNProtocols: names }
  return {
    ALPNCallback: ({ protocols: offered }) => offered.find((name) => names.includes(name)),
  }
}

function ticketKeys(host: HostMaterial, material: TlsMaterial, print: string): Buffer {
  if (host.ticketKeys !== undefined) return Buffer.from(host.ticketKeys, 'base64')
  return Buffer.from(hkdfSync('sha256', Buffer.from(material.ticketSecret, 'base64'), '', print, 48))
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}
