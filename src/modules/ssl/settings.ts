/**
 * What mod_ssl's directives set. Files are only named here: src/tls/material.ts reads them, src/tls/contexts.ts makes TLS contexts of them.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_ssl.html
 */
import type { Position } from '../../config/position.js'
import { settingsKey } from '../../config/settings.js'
import type { Condition } from '../../expr/expression.js'

/** A file that a directive names, absolute, and where. */
export interface NamedFile {
  readonly path: string
  readonly at: Position
}

/** The versions of TLS, oldest first. */
export const TLS_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const
export type TlsVersion = (typeof TLS_VERSIONS)[number]

export type VerifyClient = 'none' | 'optional' | 'require' | 'optional_no_ca'
export type SniPolicy = 'strict' | 'secure' | 'authonly' | 'insecure'

/** Settings of the main server or of a virtual host. */
export interface SslServer {
  /** `optional` (TLS by an `Upgrade` header) is refused when it is read. */
  readonly engine: boolean
  readonly engineAt: Position | undefined
  /** Leaf certificates with what follows them in their files; one for each kind of key. */
  readonly certificates: readonly NamedFile[]
  /** In the order of {@link certificates}; where there is none, the certificate's own file holds the key. */
  readonly keys: readonly NamedFile[]
  readonly chain: NamedFile | undefined
  readonly caFile: NamedFile | undefined
  readonly caPath: NamedFile | undefined
  readonly crlFile: NamedFile | undefined
  readonly crlPath: NamedFile | undefined
  readonly crlCheck: boolean
  readonly protocols: { readonly min: TlsVersion; readonly max: TlsVersion } | undefined
  /** OpenSSL's list for TLS 1.2 and older; undefined: the default. */
  readonly ciphers: string | undefined
  /** Names of TLS 1.3 suites. */
  readonly ciphers13: string | undefined
  readonly ciphersAt: Position | undefined
  readonly honorCipherOrder: boolean
  readonly verifyClient: VerifyClient
  /** Certificates above the client's own; its own CA is the first. */
  readonly verifyDepth: number
  readonly sessionTickets: boolean
  readonly ticketKeys: NamedFile | undefined
  /** Seconds for which a session may be resumed. */
  readonly sessionTimeout: number
  readonly strictSni: boolean
  /** `SSLOpenSSLConfCmd` of the kinds that have an effect here. */
  readonly groups: string | undefined
  readonly signatureAlgorithms: string | undefined
  readonly dhParameters: NamedFile | undefined
}

export const sslServer = settingsKey<SslServer>('ssl server', {
  engine: false,
  engineAt: undefined,
  certificates: [],
  keys: [],
  chain: undefined,
  caFile: undefined,
  caPath: undefined,
  crlFile: undefined,
  crlPath: undefined,
  crlCheck: false,
  protocols: undefined,
  ciphers: undefined,
  ciphers13: undefined,
  ciphersAt: undefined,
  honorCipherOrder: false,
  verifyClient: 'none',
  verifyDepth: 1,
  sessionTickets: true,
  ticketKeys: undefined,
  sessionTimeout: 300,
  strictSni: false,
  groups: undefined,
  signatureAlgorithms: undefined,
  dhParameters: undefined,
})

/** Settings that stand in the main server and hold for all. */
export interface SslMain {
  /** Program and words in front of those that name the key; undefined: keys have no pass phrase. */
  readonly passPhraseDialog: { readonly program: string; readonly at: Position } | undefined
  readonly sniPolicy: SniPolicy
}

export const sslMain = settingsKey<SslMain>('ssl main', { passPhraseDialog: undefined, sniPolicy: 'secure' })

/** The options of `SSLOptions`, in httpd's spelling. */
export const SSL_OPTIONS = [
  'StdEnvVars',
  'ExportCertData',
  'ExportBothCertData',
  'FakeBasicAuth',
  'StrictRequire',
  'OptRenegotiate',
  'LegacyDNStringFormat',
] as const
export type SslOption = (typeof SSL_OPTIONS)[number]

/** Settings of a place. */
export interface SslDir {
  /** In force; see {@link sslDir} for how `+` and `-` are merged. */
  readonly options: ReadonlySet<SslOption>
  readonly added: ReadonlySet<SslOption>
  readonly removed: ReadonlySet<SslOption>
  /** Options were set without signs: outer ones do not count. */
  readonly absolute: boolean
  readonly requireSsl: boolean
  /** `SSLVerifyClient` of the place; undefined: what the server says. */
  readonly verifyClient: VerifyClient | undefined
  readonly verifyDepth: number | undefined
  /** Name of the variable whose value becomes the user. */
  readonly userName: string | undefined
  /** `SSLRequire`: all of these have to hold, those of outer places too. */
  readonly requirements: readonly SslRequirement[]
  /** `SSLCipherSuite` of the place: what connections of TLS 1.2 and older may use. */
  readonly ciphers: ReadonlySet<string> | undefined
}

/** One `SSLRequire`. */
export interface SslRequirement {
  readonly condition: Condition
  /** As written. */
  readonly text: string
}

const NONE: ReadonlySet<SslOption> = new Set()

export const sslDir = settingsKey<SslDir>(
  'ssl',
  {
    options: NONE,
    added: NONE,
    removed: NONE,
    absolute: false,
    requireSsl: false,
    verifyClient: undefined,
    verifyDepth: undefined,
    userName: undefined,
    requirements: [],
    ciphers: undefined,
  },
  (base, added) => ({
    ...base,
    ...added,
    requirements: [...(base.requirements ?? []), ...(added.requirements ?? [])],
    ...mergeOptions(base, added),
  }),
)

/** Options with signs change what surrounds them; without signs they replace it. */
function mergeOptions(base: Partial<SslDir>, added: Partial<SslDir>): Partial<SslDir> {
  if (added.options === undefined || added.absolute === true) return {}
  const options = new Set([...(base.options ?? NONE), ...(added.added ?? NONE)])
  for (const option of added.removed ?? NONE) options.delete(option)
  return { options, absolute: base.absolute ?? false }
}
