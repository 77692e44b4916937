/**
 * `SSLProxy…`: TLS towards backends. As in httpd it has to be turned on; by default the certificate must name the backend and must not have
 * expired, and who signed it is only asked with `SSLProxyVerify require`.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_ssl.html#sslproxyengine
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import {
  type Command,
  type Directive,
  directive,
  flag,
  iterate,
  take1,
  take12,
} from '../../config/directive.js'
import { pathBytes, reasonOf } from '../../config/files.js'
import { settingsKey } from '../../config/settings.js'
import { parseProtocols } from '../ssl/protocols.js'
import type { TlsVersion } from '../ssl/settings.js'

export type VerifyBackend = 'none' | 'optional' | 'require' | 'optional_no_ca'

export interface ProxyTls {
  readonly engine: boolean
  readonly verify: VerifyBackend
  /** Certificates above the backend's own. */
  readonly verifyDepth: number
  /** PEM texts of the CAs that count; empty: those that Node.js knows. */
  readonly authorities: readonly string[]
  readonly checkName: boolean | undefined
  readonly checkCommonName: boolean | undefined
  readonly checkExpiry: boolean
  readonly protocols: { readonly min: TlsVersion; readonly max: TlsVersion } | undefined
  readonly ciphers: string | undefined
}

export const proxyTls = settingsKey<ProxyTls>('proxy tls', {
  engine: false,
  verify: 'none',
  verifyDepth: 1,
  authorities: [],
  checkName: undefined,
  checkCommonName: undefined,
  checkExpiry: true,
  protocols: undefined,
  ciphers: undefined,
})

/** The server, and `<Proxy>` sections; no other place. */
const PLACES = { contexts: ['server', 'vhost', 'directory'] } as const

function draft(cmd: Command) {
  const around = cmd.enclosing.find(({ name }) => !/^<(?:if|virtualhost)/i.test(name))
  if (cmd.context === 'directory' && around !== undefined && !/^<proxy/i.test(around.name))
    cmd.fail(`${cmd.name} not allowed in ${around.name}> context`)
  return cmd.dir.draft(proxyTls)
}

function read(cmd: Command, file: string): string {
  try {
    return readFileSync(pathBytes(file), 'latin1')
  } catch (error) {
    return cmd.fail(`${cmd.name}: file '${file}' does not exist or cannot be read (${reasonOf(error)})`)
  }
}

/** Only what is a certificate: a directory has indexes and links to the same files beside them. */
function readDirectory(cmd: Command, directory: string): string[] {
  let names: string[]
  try {
    names = readdirSync(pathBytes(directory), { encoding: 'latin1' })
  } catch (error) {
    return cmd.fail(
      `${cmd.name}: directory '${directory}' does not exist or cannot be read (${reasonOf(error)})`,
    )
  }
  const texts = names
    .filter((name) => /\.(?:\d+|pem|crt|cer)$/i.test(name))
    .map((name) => read(cmd, path.posix.join(directory, name)))
  return [...new Set(texts)].filter((text) => text.includes('-----BEGIN CERTIFICATE-----'))
}

const VERIFY_WORDS: readonly VerifyBackend[] = ['none', 'optional', 'require', 'optional_no_ca']

const switches = (
  [
    ['SSLProxyEngine', 'engine', 'Off', 'SSL switch for the proxy protocol engine'],
    ['SSLProxyCheckPeerName', 'checkName', 'On', "SSL Proxy: check the peer certificate's name"],
    ['SSLProxyCheckPeerCN', 'checkCommonName', 'On', "SSL Proxy: check the peer certificate's CN"],
    [
      'SSLProxyCheckPeerExpire',
      'checkExpiry',
      'On',
      "SSL Proxy: check the peer certificate's expiration date",
    ],
  ] as const
).map(([name, property, preset, help]) =>
  directive({
    name,
    syntax: 'On|Off',
    ...PLACES,
    default: preset,
    help,
    ...flag((cmd, on) => {
      draft(cmd)[property] = on
    }),
  }),
)

export const proxyTlsDirectives: readonly Directive[] = [
  ...switches,
  directive({
    name: 'SSLProxyVerify',
    syntax: 'none|optional|require|optional_no_ca',
    ...PLACES,
    default: 'none',
    help: 'SSL Proxy: whether to verify the remote certificate',
    ...take1((cmd, word) => {
      draft(cmd).verify =
        VERIFY_WORDS.find((one) => one === word.toLowerCase()) ??
        cmd.fail(`${cmd.name}: Invalid argument '${word}'`)
    }),
  }),
  directive({
    name: 'SSLProxyVerifyDepth',
    syntax: 'number',
    ...PLACES,
    default: '1',
    help: 'SSL Proxy: maximum certificate verification depth',
    ...take1((cmd, word) => {
      if (!/^\d+$/.test(word)) cmd.fail(`${cmd.name}: Invalid argument '${word}'`)
      draft(cmd).verifyDepth = Number(word)
    }),
  }),
  directive({
    name: 'SSLProxyCACertificateFile',
    syntax: 'file-path',
    ...PLACES,
    help: 'SSL Proxy: file containing server certificates (PEM encoded certificates)',
    ...take1((cmd, file) => {
      const settings = draft(cmd)
      settings.authorities = [...(settings.authorities ?? []), read(cmd, cmd.resolve(file))]
    }),
  }),
  directive({
    name: 'SSLProxyCACertificatePath',
    syntax: 'directory-path',
    ...PLACES,
    help: 'SSL Proxy: directory containing server certificates',
    ...take1((cmd, directory) => {
      const settings = draft(cmd)
      settings.authorities = [...(settings.authorities ?? []), ...readDirectory(cmd, cmd.resolve(directory))]
    }),
  }),
  directive({
    name: 'SSLProxyProtocol',
    syntax: '[+|-]protocol ...',
    ...PLACES,
    default: 'all -SSLv3',
    help: 'SSL Proxy: enable or disable SSL protocol flavors',
    ...iterate((cmd, words) => {
      draft(cmd).protocols = parseProtocols(words, (message) =>
        cmd.fail(message.replace('SSLProtocol', cmd.name)),
      )
    }),
  }),
  directive({
    name: 'SSLProxyCipherSuite',
    syntax: '[protocol] cipher-spec',
    ...PLACES,
    help: "SSL Proxy: colon-delimited list of permitted SSL ciphers, optionally preceded by the protocol's name",
    ...take12((cmd, first, second) => {
      const settings = draft(cmd)
      // what a distribution's policy says is what its TLS library does
      if (/^PROFILE=/i.test(second ?? first)) return
      const list = second ?? first
      // one list serves both kinds in the TLS library, TLS 1.3 suites by their names
      settings.ciphers =
        settings.ciphers === undefined || second === undefined ? list : `${settings.ciphers}:${list}`
    }),
  }),
]
