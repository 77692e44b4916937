/**
 * The directives of mod_ssl, apart from what needs OCSP or SRP. `SSLProxy…` is in ../proxy/tls-settings.ts.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_ssl.html
 */
import {
  argv,
  type Command,
  type Directive,
  directive,
  flag,
  iterate,
  none,
  raw,
  take,
  take1,
  take12,
} from '../../config/directive.js'
import { proxyTlsDirectives } from '../proxy/tls-settings.js'
import { conditionOf } from '../string-template.js'
import { cipherNames } from './cipher-names.js'
import { parseProtocols } from './protocols.js'
import {
  type NamedFile,
  SSL_OPTIONS,
  type SslOption,
  type SslServer,
  sslDir,
  sslMain,
  sslServer,
  type VerifyClient,
} from './settings.js'

const SERVER = { contexts: ['server', 'vhost'] } as const
const EVERYWHERE = { contexts: ['server', 'vhost', 'directory', 'htaccess'], override: 'AuthConfig' } as const
const PLACE = { contexts: ['directory', 'htaccess'], override: 'AuthConfig' } as const

/** Properties that hold one file. */
type FileProperty = 'chain' | 'caFile' | 'caPath' | 'crlFile' | 'crlPath' | 'ticketKeys'

const named = (cmd: Command, path: string): NamedFile => ({ path: cmd.resolve(path), at: cmd.at })

function fileDirective(name: string, property: FileProperty, help: string): Directive {
  return directive({
    name,
    syntax: /Path$/.test(name) ? 'directory-path' : 'file-path',
    ...SERVER,
    help,
    ...take1((cmd, path) => {
      cmd.server.draft(sslServer)[property] = named(cmd, path)
    }),
  })
}

/** One more file of a list; a virtual host's own list replaces the main server's. */
function listDirective(name: string, property: 'certificates' | 'keys', help: string): Directive {
  return directive({
    name,
    syntax: 'file-path',
    ...SERVER,
    help,
    ...take1((cmd, path) => {
      if (/^(?:pkcs11|store):/i.test(path))
        cmd.fail(`${name}: keys and certificates are read from files; ${path} names a token`)
      const draft = cmd.server.draft(sslServer)
      draft[property] = [...(draft[property] ?? []), named(cmd, path)]
    }),
  })
}

const VERIFY: readonly VerifyClient[] = ['none', 'optional', 'require', 'optional_no_ca']

function isPlace(cmd: Command): boolean {
  return cmd.context === 'directory' || cmd.context === 'htaccess'
}

const certificates = [
  listDirective(
    'SSLCertificateFile',
    'certificates',
    'SSL Server Certificate file (PEM), intermediate certificates after it',
  ),
  listDirective('SSLCertificateKeyFile', 'keys', 'SSL Server Private Key file (PEM)'),
  fileDirective('SSLCertificateChainFile', 'chain', 'SSL Server CA Certificate Chain file (PEM)'),
  fileDirective('SSLCACertificateFile', 'caFile', 'File of CA certificates for client certificates (PEM)'),
  fileDirective('SSLCACertificatePath', 'caPath', 'Directory of CA certificates for client certificates'),
  fileDirective('SSLCARevocationFile', 'crlFile', 'File of revocation lists for client certificates (PEM)'),
  fileDirective('SSLCARevocationPath', 'crlPath', 'Directory of revocation lists for client certificates'),
  directive({
    name: 'SSLCARevocationCheck',
    syntax: 'chain|leaf|none [flags ...]',
    ...SERVER,
    default: 'none',
    help: 'Whether client certificates are looked up in revocation lists',
    ...argv((cmd, [mode = '', ...flags]) => {
      if (!['chain', 'leaf', 'none'].includes(mode.toLowerCase()))
        cmd.fail('SSLCARevocationCheck: Invalid argument')
      if (flags.length > 0)
        cmd.fail(
          `SSLCARevocationCheck: ${flags.join(' ')} is not supported: there must be a revocation list of every CA`,
        )
      if (mode.toLowerCase() === 'leaf')
        cmd.warn(
          'SSLCARevocationCheck leaf checks the whole chain here: a revocation list of every CA is needed',
        )
      cmd.server.draft(sslServer).crlCheck = mode.toLowerCase() !== 'none'
    }),
  }),
  ...['SSLCADNRequestFile', 'SSLCADNRequestPath'].map((name) =>
    directive({
      name,
      syntax: name.endsWith('Path') ? 'directory-path' : 'file-path',
      ...SERVER,
      help: 'CA names that clients are told of',
      accepted: 'clients are told the names of the CAs that they are checked against',
      ...take1(() => {}),
    }),
  ),
  directive({
    name: 'SSLPassPhraseDialog',
    syntax: 'builtin | exec:program',
    contexts: ['server'],
    default: 'builtin',
    help: 'Program that tells the pass phrases of private keys',
    ...take1((cmd, word) => {
      if (word.toLowerCase() === 'builtin') return
      const program = /^(?:exec:|\|)(.+)$/s.exec(word)?.[1]
      if (program === undefined)
        return cmd.fail(`SSLPassPhraseDialog: '${word}' is none of builtin, exec:program`)
      cmd.main.draft(sslMain).passPhraseDialog = { program: cmd.resolve(program), at: cmd.at }
    }),
  }),
]

const handshake = [
  directive({
    name: 'SSLEngine',
    syntax: 'on|off',
    ...SERVER,
    default: 'off',
    help: 'Whether connections to this server speak TLS',
    ...take1((cmd, word) => {
      const key = word.toLowerCase()
      if (key === 'optional')
        cmd.fail('SSLEngine optional is not supported: nobody upgrades plain connections to TLS')
      if (key !== 'on' && key !== 'off') cmd.fail('Argument must be On, Off, or Optional')
      const draft = cmd.server.draft(sslServer)
      draft.engine = key === 'on'
      draft.engineAt = cmd.at
    }),
  }),
  directive({
    name: 'SSLProtocol',
    syntax: '[+|-]protocol ...',
    ...SERVER,
    default: 'all -SSLv3',
    help: "Versions of TLS: 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3', 'all'; a range without gaps",
    ...iterate((cmd, words) => {
      cmd.server.draft(sslServer).protocols = parseProtocols(words, (message) => cmd.fail(message))
    }),
  }),
  directive({
    name: 'SSLCipherSuite',
    syntax: '[protocol] cipher-spec',
    ...EVERYWHERE,
    default: 'DEFAULT (what Node.js offers)',
    help: 'Ciphers as OpenSSL writes them, of TLS 1.2 and older or, after TLSv1.3, of TLS 1.3',
    ...take12((cmd, first, second) => {
      const protocol = second === undefined ? 'ssl' : first.toLowerCase()
      const list = second ?? first
      if (isPlace(cmd)) return placeCiphers(cmd, protocol, list)
      const draft = cmd.server.draft(sslServer)
      draft.ciphersAt = cmd.at
      if (protocol === 'tlsv1.3') draft.ciphers13 = list
      else if (protocol !== 'ssl') cmd.fail('SSLCipherSuite: protocol must be SSL or TLSv1.3')
      // RHEL: what the system's policy says, which the TLS library here does not read
      else draft.ciphers = /^PROFILE=/i.test(list) ? undefined : list
    }),
  }),
  directive({
    name: 'SSLHonorCipherOrder',
    syntax: 'on|off',
    ...SERVER,
    default: 'off',
    help: "Prefer the server's cipher order",
    ...flag((cmd, on) => {
      cmd.server.draft(sslServer).honorCipherOrder = on
    }),
  }),
  directive({
    name: 'SSLOpenSSLConfCmd',
    syntax: 'command value',
    ...SERVER,
    help: 'Curves, Groups, DHParameters, SignatureAlgorithms, MinProtocol, MaxProtocol, CipherString, Ciphersuites',
    ...take([2], (cmd, [name = '', value = '']) => confCommand(cmd, name, value)),
  }),
  directive({
    name: 'SSLStrictSNIVHostCheck',
    syntax: 'on|off',
    ...SERVER,
    default: 'off',
    help: 'Refuse clients that do not name the host in their handshake',
    ...flag((cmd, on) => {
      cmd.server.draft(sslServer).strictSni = on
    }),
  }),
  directive({
    name: 'SSLVHostSNIPolicy',
    syntax: 'strict|secure|authonly|insecure',
    contexts: ['server'],
    default: 'secure',
    help: 'How alike the TLS settings of the host of the handshake and of the host of a request must be',
    ...take1((cmd, word) => {
      const policy = (['strict', 'secure', 'authonly', 'insecure'] as const).find(
        (one) => one === word.toLowerCase(),
      )
      if (policy === undefined) return cmd.fail(`Invalid SSLVHostSNIPolicy argument '${word}'`)
      cmd.main.draft(sslMain).sniPolicy = policy
    }),
  }),
]

/** Ciphers of a place are not negotiated anew: connections that have others are refused there. */
function placeCiphers(cmd: Command, protocol: string, list: string): void {
  if (protocol === 'tlsv1.3') cmd.fail('TLSv1.3 ciphers cannot be set inside a directory context')
  if (protocol !== 'ssl') cmd.fail('SSLCipherSuite: protocol must be SSL or TLSv1.3')
  if (/^PROFILE=/i.test(list)) {
    cmd.dir.draft(sslDir).ciphers = undefined
    return
  }
  let names: ReadonlySet<string>
  try {
    names = cipherNames(list)
  } catch (error) {
    cmd.fail(`SSLCipherSuite cannot be used in a section: ${(error as Error).message}`)
  }
  if (names.size === 0) cmd.fail(`SSLCipherSuite: no cipher of this TLS library matches '${list}'`)
  cmd.dir.draft(sslDir).ciphers = names
}

function confCommand(cmd: Command, name: string, value: string): void {
  const draft = cmd.server.draft(sslServer)
  switch (name.toLowerCase()) {
    case 'curves':
    case 'groups':
      draft.groups = value
      break
    case 'dhparameters':
      draft.dhParameters = named(cmd, value)
      break
    case 'signaturealgorithms':
      draft.signatureAlgorithms = value
      break
    case 'cipherstring':
      draft.ciphers = value
      draft.ciphersAt = cmd.at
      break
    case 'ciphersuites':
      draft.ciphers13 = value
      draft.ciphersAt = cmd.at
      break
    case 'minprotocol':
    case 'maxprotocol': {
      const { min } = parseProtocols([value], (message) => cmd.fail(message))
      const { protocols = { min: 'TLSv1', max: 'TLSv1.3' } as const } = draft
      draft.protocols =
        name.toLowerCase() === 'minprotocol' ? { ...protocols, min } : { ...protocols, max: min }
      break
    }
    default:
      cmd.fail(
        `SSLOpenSSLConfCmd ${name} is not supported: Curves, Groups, DHParameters, SignatureAlgorithms, MinProtocol, MaxProtocol, CipherString and Ciphersuites are`,
      )
  }
}

const clients = [
  directive({
    name: 'SSLVerifyClient',
    syntax: 'none|optional|require|optional_no_ca',
    ...EVERYWHERE,
    default: 'none',
    help: 'Whether clients show a certificate',
    ...take1((cmd, word) => {
      const mode = VERIFY.find((one) => one === word.toLowerCase())
      if (mode === undefined) return cmd.fail(`SSLVerifyClient: Invalid argument '${word}'`)
      if (isPlace(cmd)) cmd.dir.draft(sslDir).verifyClient = mode
      else cmd.server.draft(sslServer).verifyClient = mode
    }),
  }),
  directive({
    name: 'SSLVerifyDepth',
    syntax: 'number',
    ...EVERYWHERE,
    default: '1',
    help: "How many certificates may stand above the client's own",
    ...take1((cmd, word) => {
      if (!/^\d{1,6}$/.test(word)) cmd.fail('SSLVerifyDepth: Invalid argument')
      if (isPlace(cmd)) cmd.dir.draft(sslDir).verifyDepth = Number(word)
      else cmd.server.draft(sslServer).verifyDepth = Number(word)
    }),
  }),
  directive({
    name: 'SSLRequireSSL',
    syntax: '',
    ...PLACE,
    help: 'Refuse requests that do not come over TLS',
    ...none((cmd) => {
      cmd.dir.draft(sslDir).requireSsl = true
    }),
  }),
  directive({
    name: 'SSLRequire',
    syntax: 'expression',
    ...PLACE,
    help: 'Refuse requests over TLS for which the expression does not hold',
    ...raw((cmd, text) => {
      const failure = 'SSLRequire: '
      if (text.trim() === '') cmd.fail('SSLRequire takes an expression')
      const condition = conditionOf(cmd, text, failure, { dialect: 'ssl', vary: false })
      const draft = cmd.dir.draft(sslDir)
      draft.requirements = [...(draft.requirements ?? []), { condition, text }]
    }),
  }),
  directive({
    name: 'SSLUserName',
    syntax: 'varname',
    ...PLACE,
    contexts: ['server', 'vhost', ...PLACE.contexts],
    help: 'TLS variable whose value becomes the name of the user',
    ...take1((cmd, name) => {
      cmd.dir.draft(sslDir).userName = name
    }),
  }),
  directive({
    name: 'SSLOptions',
    syntax: '[+|-]option ...',
    contexts: ['server', 'vhost', 'directory', 'htaccess'],
    override: 'Options',
    help: 'StdEnvVars, ExportCertData, FakeBasicAuth, StrictRequire, OptRenegotiate, LegacyDNStringFormat',
    ...iterate(setOptions),
  }),
]

function setOptions(cmd: Command, words: readonly string[]): void {
  const draft = cmd.dir.draft(sslDir)
  let absolute = draft.absolute ?? false
  const added = new Set(draft.added)
  const removed = new Set(draft.removed)
  for (const word of words) {
    const [, sign = '', name = ''] = /^([+-]?)(.*)$/.exec(word) ?? []
    const option = SSL_OPTIONS.find((one) => one.toLowerCase() === name.toLowerCase())
    if (option === undefined) {
      cmd.fail(`SSLOptions: Illegal option '${name}'`)
      continue
    }
    if (sign === '') {
      if (!absolute) for (const one of added) added.delete(one)
      absolute = true
    }
    if (sign === '-') {
      added.delete(option)
      removed.add(option)
    } else {
      removed.delete(option)
      added.add(option)
    }
  }
  draft.absolute = absolute
  draft.added = added
  draft.removed = removed
  draft.options = new Set<SslOption>(added)
}

const sessions = [
  directive({
    name: 'SSLSessionTickets',
    syntax: 'on|off',
    ...SERVER,
    default: 'on',
    help: 'Whether sessions are resumed by tickets',
    ...flag((cmd, on) => {
      cmd.server.draft(sslServer).sessionTickets = on
    }),
  }),
  fileDirective('SSLSessionTicketKeyFile', 'ticketKeys', 'File of 48 bytes that tickets are encrypted with'),
  directive({
    name: 'SSLSessionCacheTimeout',
    syntax: 'seconds',
    ...SERVER,
    default: '300',
    help: 'How long a session may be resumed',
    ...take1((cmd, word) => {
      if (!/^\d{1,9}$/.test(word)) cmd.fail('SSLSessionCacheTimeout: Invalid argument')
      cmd.server.draft(sslServer).sessionTimeout = Number(word)
    }),
  }),
]

/** Read and checked only: what they arrange for does not exist here, or is never done. */
const accepted = [
  inert('SSLSessionCache', 'type', 'sessions are resumed by tickets, for which nothing is stored'),
  inert('SSLRandomSeed', 'context source [bytes]', 'the TLS library seeds itself'),
  inert('SSLCryptoDevice', 'engine', 'the TLS library finds the processor’s instructions itself'),
  inert(
    'SSLRenegBufferSize',
    'bytes',
    'there is no second handshake that a body would have to wait for',
    EVERYWHERE,
  ),
  inert('SSLStaplingCache', 'type', 'no OCSP responses are sent'),
  ...[
    'ResponderTimeout',
    'ResponseTimeSkew',
    'ResponseMaxAge',
    'StandardCacheTimeout',
    'ReturnResponderErrors',
    'FakeTryLater',
    'ErrorCacheTimeout',
    'ForceURL',
  ].map((name) => inert(`SSLStapling${name}`, 'value', 'no OCSP responses are sent')),
  offOnly('SSLCompression', 'compression in TLS gives secrets away'),
  offOnly('SSLInsecureRenegotiation', 'it is insecure'),
  offOnly('SSLUseStapling', 'OCSP responses are not sent; clients ask the CA themselves', true),
  offOnly('SSLOCSPEnable', 'client certificates cannot be checked by OCSP: use SSLCARevocationFile'),
  offOnly('SSLFIPS', 'the TLS library of Node.js has no such mode'),
]

function inert(
  name: string,
  syntax: string,
  why: string,
  where: typeof SERVER | typeof EVERYWHERE = SERVER,
): Directive {
  return directive({
    name,
    syntax,
    ...where,
    help: 'Has no effect',
    accepted: why,
    ...argv((cmd, words) => {
      if (words.length === 0) cmd.fail(`${name} takes at least one argument`)
    }),
  })
}

/** A switch that may only be off; `mild`: on is a warning, as nothing becomes less safe without it. */
function offOnly(name: string, why: string, mild = false): Directive {
  return directive({
    name,
    syntax: 'on|off',
    ...SERVER,
    default: 'off',
    help: `Must be off: ${why}`,
    ...take1((cmd, word) => {
      const key = word.toLowerCase()
      if (key === 'off' || key === 'no_ocsp') return
      const message = `${name} ${word} has no effect: ${why}`
      if (mild) cmd.warn(message)
      else cmd.fail(`${name} ${word} is not supported: ${why}`)
    }),
  })
}

export const directives: readonly Directive[] = [
  ...certificates,
  ...handshake,
  ...clients,
  ...sessions,
  ...accepted,
  ...proxyTlsDirectives,
]

export type { SslServer }
