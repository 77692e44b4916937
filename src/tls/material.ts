/**
 * The files of TLS: certificates, keys, CAs and revocation lists. The supervisor reads them with the rights it was started with, once for each
 * configuration, checks them, and hands their contents to server workers: these need no access to keys, and one that is started later has
 * the same certificates as the others. A graceful restart takes over what was renewed.
 */
import { spawnSync } from 'node:child_process'
import { createPrivateKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { ConfigError, type ConfigWarning } from '../config/errors.js'
import type { ServerConfig, Site } from '../config/site.js'
import { coreServer } from '../modules/core/settings.js'
import { type NamedFile, type SslServer, sslMain, sslServer } from '../modules/ssl/settings.js'

/** What one server needs. Plain data; all text is PEM. */
export interface HostMaterial {
  /** Leaf certificate and chain, for each kind of key. */
  readonly certificates: readonly string[]
  /** Without pass phrase. */
  readonly keys: readonly string[]
  readonly authorities: readonly string[]
  readonly revocations: readonly string[]
  readonly dhParameters: string | undefined
  /** Base64 of 48 bytes. */
  readonly ticketKeys: string | undefined
}

export interface TlsMaterial {
  /** By number of the server; only those with `SSLEngine on`. */
  readonly hosts: Readonly<Record<number, HostMaterial>>
  /** Base64: what the keys of session tickets are made from, the same in all server workers. */
  readonly ticketSecret: string
}

const PASS_PHRASE_TIMEOUT_MS = 60_000

/** `ServerName:port` as messages and pass phrase programs name a server. */
export function hostLabel(server: ServerConfig): string {
  const { serverName, serverPort } = server.settings.get(coreServer)
  return `${serverName?.host ?? 'localhost'}:${serverPort || 443}`
}

/** All servers of a site, the main server first. */
export function serversOf(site: Site): readonly ServerConfig[] {
  return [site.main, ...site.virtualHosts]
}

/**
 * Reads and checks all files. Undefined where no server speaks TLS.
 * @throws ConfigError
 */
export function readMaterial(site: Site, warn: (warning: ConfigWarning) => void): TlsMaterial | undefined {
  const hosts: Record<number, HostMaterial> = {}
  const reader = new MaterialReader(site)
  for (const server of serversOf(site)) {
    const ssl = server.settings.get(sslServer)
    if (ssl.engine) hosts[server.index] = reader.host(server, ssl, warn)
  }
  if (Object.keys(hosts).length === 0) return undefined
  return { hosts, ticketSecret: randomBytes(32).toString('base64') }
}

class MaterialReader {
  /** Keys that have been decrypted, by file: virtual hosts share them, and people should be asked once. */
  readonly #decrypted = new Map<string, KeyObject>()

  constructor(private readonly site: Site) {}

  host(server: ServerConfig, ssl: SslServer, warn: (warning: ConfigWarning) => void): HostMaterial {
    if (ssl.certificates.length === 0 && ssl.engineAt !== undefined)
      throw new ConfigError(
        ssl.engineAt,
        `SSLEngine on, but the server ${hostLabel(server)} has no SSLCertificateFile`,
      )
    const chain =
      ssl.chain === undefined ? '' : `\n${pemOf(ssl.chain, 'SSLCertificateChainFile', 'CERTIFICATE')}`
    const certificates: string[] = []
    const keys: string[] = []
    ssl.certificates.forEach((file, index) => {
      const text = pemOf(file, 'SSLCertificateFile', 'CERTIFICATE')
      const certificate = parseCertificate(file, text)
      const keyFile = ssl.keys[index] ?? file
      const key = this.#key(keyFile, ssl.keys[index] === undefined, server, certificate)
      if (!certificate.checkPrivateKey(key))
        throw new ConfigError(
          keyFile.at,
          `SSLCertificateKeyFile: the private key in ${keyFile.path} does not belong to the certificate in ${file.path}`,
        )
      checkCertificate(server, file, certificate, warn)
      certificates.push(onlyCertificates(text) + chain)
      keys.push(key.export({ type: 'pkcs8', format: 'pem' }) as string)
    })
    if (ssl.keys.length > ssl.certificates.length)
      throw new ConfigError(
        (ssl.keys[ssl.certificates.length] as NamedFile).at,
        'SSLCertificateKeyFile: there are more keys than SSLCertificateFile lines',
      )
    return {
      certificates,
      keys,
      authorities: [
        ...(ssl.caFile === undefined ? [] : [pemOf(ssl.caFile, 'SSLCACertificateFile', 'CERTIFICATE')]),
        ...hashedFiles(ssl.caPath, /^[0-9a-f]{8}\.\d+$/i, 'SSLCACertificatePath'),
      ],
      revocations: ssl.crlCheck ? revocationsOf(server, ssl) : [],
      dhParameters:
        ssl.dhParameters === undefined
          ? undefined
          : pemOf(ssl.dhParameters, 'SSLOpenSSLConfCmd DHParameters', 'DH PARAMETERS'),
      ticketKeys: ssl.ticketKeys === undefined ? undefined : ticketKeysOf(ssl.ticketKeys),
    }
  }

  #key(
    file: NamedFile,
    inCertificate: boolean,
    server: ServerConfig,
    certificate: X509Certificate,
  ): KeyObject {
    const known = this.#decrypted.get(file.path)
    if (known !== undefined) return known
    const text = contents(file, 'SSLCertificateKeyFile').toString('latin1')
    const fail = (why: string): never => {
      throw new ConfigError(file.at, why)
    }
    if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text))
      return fail(
        inCertificate
          ? `SSLCertificateFile: ${file.path} holds no private key, and no SSLCertificateKeyFile names one`
          : `SSLCertificateKeyFile: there is no private key (PEM) in ${file.path}`,
      )
    const encrypted = /ENCRYPTED/.test(text)
    const passphrase = encrypted ? this.#passPhrase(file, server, certificate) : undefined
    try {
      const key = createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) })
      if (encrypted) this.#decrypted.set(file.path, key)
      return key
    } catch (error) {
      return fail(
        encrypted
          ? `SSLCertificateKeyFile: the pass phrase from SSLPassPhraseDialog does not open the private key in ${file.path}`
          : `SSLCertificateKeyFile: the private key in ${file.path} cannot be used: ${(error as Error).message}`,
      )
    }
  }

  #passPhrase(file: NamedFile, server: ServerConfig, certificate: X509Certificate): string {
    const dialog = this.site.main.settings.get(sslMain).passPhraseDialog
    if (dialog === undefined)
      throw new ConfigError(
        file.at,
        `SSLCertificateKeyFile: the private key in ${file.path} has a pass phrase: name a program that tells it with SSLPassPhraseDialog exec:, nobody is asked at the terminal`,
      )
    const type = certificate.publicKey.asymmetricKeyType === 'ec' ? 'ECC' : 'RSA'
    const program = bytesPath(dialog.program).toString()
    const { error, status, stdout } = spawnSync(program, [hostLabel(server), type], {
      encoding: 'utf8',
      timeout: PASS_PHRASE_TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (error !== undefined || status !== 0)
      throw new ConfigError(
        dialog.at,
        `SSLPassPhraseDialog: ${program} ${error === undefined ? `ended with status ${status}` : `cannot be run: ${error.message}`}`,
      )
    return stdout.replace(/\r?\n[^]*$/, '')
  }
}

/** The configuration's text is bytes, one character each. */
function bytesPath(file: string): Buffer {
  return Buffer.from(file, 'latin1')
}

function contents(file: NamedFile, directive: string): Buffer {
  try {
    const bytes = readFileSync(bytesPath(file.path))
    if (bytes.length > 0) return bytes
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new ConfigError(file.at, `${directive}: ${message}`)
  }
  throw new ConfigError(file.at, `${directive}: file '${file.path}' does not exist or is empty`)
}

function pemOf(file: NamedFile, directive: string, kind: string): string {
  const text = contents(file, directive).toString('latin1')
  if (text.includes(`-----BEGIN ${kind}-----`) || text.includes(`-----BEGIN TRUSTED ${kind}-----`))
    return text
  throw new ConfigError(file.at, `${directive}: there is no ${kind} (PEM) in ${file.path}`)
}

/** What stands between the marks of certificates: a file may hold its key as well, and people's notes. */
function onlyCertificates(text: string): string {
  const blocks = text.match(/-----BEGIN (TRUSTED )?CERTIFICATE-----[^]*?-----END \1?CERTIFICATE-----/g)
  return blocks?.join('\n') ?? text
}

function parseCertificate(file: NamedFile, text: string): X509Certificate {
  try {
    return new X509Certificate(onlyCertificates(text))
  } catch (error) {
    throw new ConfigError(
      file.at,
      `SSLCertificateFile: the certificate in ${file.path} cannot be read: ${(error as Error).message}`,
    )
  }
}

/** Certificates that clients will not accept. */
function checkCertificate(
  server: ServerConfig,
  { path: file, at }: NamedFile,
  certificate: X509Certificate,
  warn: (warning: ConfigWarning) => void,
): void {
  if (Date.parse(certificate.validTo) < Date.now())
    warn({ at, message: `The certificate in ${file} expired on ${certificate.validTo}` })
  const host = server.settings.get(coreServer).serverName?.host
  // An address is no name, and a name under .invalid (RFC 6761) is nobody's: the host is there for clients that it turns away.
  const isName = host !== undefined && !/^\[|^[\d.]+$|\.invalid$/i.test(host)
  if (isName && certificate.checkHost(host) === undefined)
    warn({
      at,
      code: 'AH01909',
      message: `${hostLabel(server)} server certificate does NOT include an ID which matches the server name`,
    })
}

function revocationsOf(server: ServerConfig, ssl: SslServer): string[] {
  const lists = [
    ...(ssl.crlFile === undefined ? [] : [pemOf(ssl.crlFile, 'SSLCARevocationFile', 'X509 CRL')]),
    ...hashedFiles(ssl.crlPath, /^[0-9a-f]{8}\.r\d+$/i, 'SSLCARevocationPath'),
  ]
  const at = ssl.crlFile?.at ?? ssl.crlPath?.at ?? ssl.engineAt
  if (lists.length === 0 && at !== undefined)
    throw new ConfigError(
      at,
      `SSLCARevocationCheck is on for ${hostLabel(server)}, but SSLCARevocationFile and SSLCARevocationPath give no revocation list`,
    )
  return lists
}

/** The files of a directory that `openssl rehash` has named. */
function hashedFiles(directory: NamedFile | undefined, name: RegExp, directive: string): string[] {
  if (directory === undefined) return []
  try {
    const texts = readdirSync(bytesPath(directory.path), 'latin1')
      .filter((entry) => name.test(entry))
      .map((entry) => readFileSync(bytesPath(path.join(directory.path, entry)), 'latin1'))
    return [...new Set(texts)]
  } catch (error) {
    throw new ConfigError(directory.at, `${directive}: ${(error as Error).message}`)
  }
}

function ticketKeysOf(file: NamedFile): string {
  const bytes = contents(file, 'SSLSessionTicketKeyFile')
  if (bytes.length !== 48)
    throw new ConfigError(
      file.at,
      `SSLSessionTicketKeyFile: ${file.path} must hold 48 random bytes, it holds ${bytes.length}`,
    )
  return bytes.toString('base64')
}
