/**
 * mod_ssl: TLS as modules and handlers see it. Connections are secured in src/tls/ before any request is read; here are the directives, the
 * access rules that look at TLS, and the variables.
 * - postReadRequest: refuses plain HTTP at an address with TLS, and requests for a host that the connection was not made for
 * - checkAccess: SSLRequireSSL, SSLRequire, SSLVerifyClient and SSLCipherSuite of places
 * - checkUser: FakeBasicAuth
 * - fixups: variables, SSLUserName
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_ssl.html
 */
import type { ConfigWarning } from '../config/errors.js'
import { provide } from '../config/provider.js'
import type { Site } from '../config/site.js'
import { ExpressionFailure, evaluate, whenReady } from '../expr/expression.js'
import type { Connection, Request } from '../request/request.js'
import { AUTHZ, type AuthzProvider } from './authz-provider.js'
import { coreServer, listenSettings } from './core/settings.js'
import type { HttpdModule, Outcome } from './module.js'
import { directives } from './ssl/directives.js'
import { type SslDir, sslDir, sslMain, sslServer } from './ssl/settings.js'
import { isSameSetup } from './ssl/sni-policy.js'

type Session = NonNullable<Connection['tls']>

function postReadRequest(request: Request): Outcome {
  const { connection } = request
  const { tls } = connection
  if (tls !== undefined) {
    request.tlsVariable = tls.variables.get
    return checkHost(request, tls)
  }
  if (connection.plainOnTls !== true) return undefined
  request.notes.set('verbose-error-to', '*')
  request.notes.set(
    'error-notes',
    "Reason: You're speaking plain HTTP to an SSL-enabled server port. Instead use the HTTPS scheme to access this URL, please.",
  )
  return 400
}

/** The handshake was made for one host, with its certificate and its rules for clients; the request may name another. */
function checkHost(request: Request, tls: Session): Outcome {
  const { server, serverName } = tls
  if (serverName === undefined && server.settings.get(sslServer).strictSni) {
    request.report(
      'ssl',
      'error',
      'No hostname was provided via SNI for a name based virtual host',
      'AH02033',
    )
    return 403
  }
  if (request.server === server) return undefined
  const { sniPolicy } = request.server.settings.get(sslMain)
  if (isSameSetup(tls.host, tls.server, request.server, sniPolicy)) return undefined
  request.report(
    'ssl',
    'error',
    serverName === undefined
      ? `The hostname ${request.hostname} provided via HTTP has no SSL setup compatible with that of the address's first virtual host, which clients without SNI get`
      : `Hostname ${serverName} provided via SNI and hostname ${request.hostname} provided via HTTP have no compatible SSL setup for policy '${sniPolicy}'`,
    'AH02032',
  )
  return 421
}

function checkAccess(request: Request): Outcome | Promise<Outcome> {
  const dir = request.dir.get(sslDir)
  const { tls } = request.connection
  if (tls !== undefined && dir.options.has('LegacyDNStringFormat'))
    request.tlsVariable = tls.variables.getLegacy
  const status = refuse(request, dir)
  if (status !== undefined) return status
  if (dir.userName !== undefined && !dir.options.has('FakeBasicAuth')) setUser(request, dir.userName)
  return dir.requirements.length === 0 ? undefined : whenReady(() => refuseByRequirements(request, dir))
}

/** What a place demands of the connection. */
function refuse(request: Request, dir: SslDir): number | undefined {
  const { tls } = request.connection
  if (tls === undefined)
    return dir.requireSsl ? forbid(request, 'AH02219', failed(request, 'SSL connection required')) : undefined
  if (dir.ciphers !== undefined && tls.protocol !== 'TLSv1.3' && !dir.ciphers.has(tls.cipher))
    return forbid(request, 'AH02262', failed(request, `SSLCipherSuite here does not have ${tls.cipher}`))
  return dir.verifyClient === undefined || dir.verifyClient === 'none'
    ? undefined
    : refuseClient(request, dir, tls)
}

function refuseClient(
  request: Request,
  { verifyClient, verifyDepth }: SslDir,
  tls: Session,
): number | undefined {
  const { verdict } = tls
  if (verdict.kind === 'none')
    return verifyClient === 'require' ? forbid(request, 'AH02263', 'Client certificate missing') : undefined
  if (verdict.kind === 'failed' && !(verifyClient === 'optional_no_ca' && tls.isUnknownAuthority))
    return forbid(request, 'AH02264', `Client certificate refused: ${verdict.why}`)
  if (verdict.kind === 'valid' && verifyDepth !== undefined && tls.chainDepth > verifyDepth)
    return forbid(request, 'AH02264', 'Client certificate refused: its chain is too long')
  return undefined
}

/** `SSLRequire`, which says nothing about connections without TLS. @throws Waiting */
function refuseByRequirements(request: Request, { requirements }: SslDir): number | undefined {
  if (request.connection.tls === undefined) return undefined
  for (const { condition, text } of requirements) {
    const result = evaluate(condition, request)
    if (result instanceof ExpressionFailure)
      return forbid(
        request,
        'AH02265',
        failed(request, `Failed to execute SSL requirement expression: ${result.message}`),
      )
    if (result) continue
    request.report('ssl', 'info', `Failed expression: ${text}`, 'AH02228')
    return forbid(request, 'AH02229', failed(request, 'SSL requirement expression not fulfilled'))
  }
  return undefined
}

function failed({ filename }: Request, reason: string): string {
  return `access to ${filename} failed, reason: ${reason}`
}

function forbid(request: Request, code: string, message: string): number {
  request.report('ssl', 'error', message, code)
  return 403
}

/** What `htpasswd` files for FakeBasicAuth hold for each certificate is the word `password`. */
const FAKE_PASSWORD = 'password'

function checkUser(request: Request): Outcome {
  const { options } = request.dir.get(sslDir)
  const { tls } = request.connection
  if (tls === undefined) return undefined
  const credentials = /^Basic +(.*)$/i.exec(request.headersIn.get('Authorization') ?? '')?.[1]
  const claimed = credentials === undefined ? '' : Buffer.from(credentials, 'base64').toString('latin1')
  // Names of certificates begin like this, and only certificates may prove them.
  if (/^\/[^:]*=/.test(claimed) && options.has('FakeBasicAuth')) {
    request.report('ssl', 'error', 'Encountered FakeBasicAuth spoof', 'AH02035')
    return 403
  }
  const name = options.has('FakeBasicAuth') ? tls.variables.client?.facts.subject.oneLine : undefined
  if (name === undefined || tls.verdict.kind !== 'valid') return undefined
  const text = Buffer.from(`${name}:${FAKE_PASSWORD}`, 'latin1').toString('base64')
  request.headersIn.set('Authorization', `Basic ${text}`)
  return undefined
}

function setUser(request: Request, variable: string): void {
  const user = request.tlsVariable?.(variable)
  if (user === undefined || user === '') return
  request.user = user
  request.authType ??= 'ClientCert'
}

function fixups(request: Request): Outcome | Promise<Outcome> {
  const dir = request.dir.get(sslDir)
  // `Satisfy Any` may have let it pass.
  if (dir.options.has('StrictRequire')) {
    const status = refuse(request, dir)
    if (status !== undefined) return status
    if (dir.requirements.length > 0)
      return whenReady(() => refuseByRequirements(request, dir) ?? setVariables(request, dir))
  }
  return setVariables(request, dir)
}

/** What `SSLOptions +LegacyDNStringFormat` writes in another form. */
const WHOLE_NAMES = ['SSL_CLIENT_S_DN', 'SSL_CLIENT_I_DN', 'SSL_SERVER_S_DN', 'SSL_SERVER_I_DN'] as const

function setVariables(request: Request, dir: SslDir): Outcome {
  const { tls } = request.connection
  if (tls === undefined) return undefined
  if (dir.userName !== undefined && dir.options.has('FakeBasicAuth')) setUser(request, dir.userName)
  const { env } = request
  env.set('HTTPS', 'on')
  if (tls.serverName !== undefined) env.set('SSL_TLS_SNI', tls.serverName)
  if (dir.options.has('StdEnvVars')) {
    for (const [name, value] of tls.variables.standard) env.set(name, value)
    if (dir.options.has('LegacyDNStringFormat'))
      for (const name of WHOLE_NAMES) if (env.has(name)) env.set(name, tls.variables.getLegacy(name) ?? '')
  }
  if (dir.options.has('ExportCertData') || dir.options.has('ExportBothCertData'))
    for (const [name, value] of tls.variables.exported()) env.set(name, value)
  return undefined
}

/** Addresses that are meant for TLS and do not speak it. */
function check(site: Site, warn: (warning: ConfigWarning) => void): void {
  const servers = [site.main, ...site.virtualHosts]
  if (!servers.some(({ settings }) => settings.get(sslServer).engine)) {
    for (const { port, protocol, at } of site.main.settings.get(listenSettings).addresses)
      if (protocol === 'https' && port !== 0)
        warn({
          at,
          message: `Listen ${port} is for https, but no server has SSLEngine on: plain HTTP is spoken there`,
        })
    return
  }
  for (const server of site.virtualHosts) {
    const { engine, engineAt } = server.settings.get(sslServer)
    const first = firstOf(site, server)
    if (!engine || first === undefined || first.settings.get(sslServer).engine) continue
    warn({
      at: engineAt ?? server.at,
      message: `SSLEngine on has no effect for ${server.settings.get(coreServer).serverName?.host ?? 'this server'}: the first virtual host of its address (${first.at.file}:${first.at.line}) speaks plain HTTP, and that decides`,
    })
  }
}

/** The first virtual host of the same address, which decides whether TLS is spoken there. */
function firstOf(site: Site, server: Site['main']): Site['main'] | undefined {
  const [address] = server.addresses
  return site.virtualHosts.find(({ addresses }) =>
    addresses.some(({ host, port }) => host === address?.host && port === address.port),
  )
}

/** `Require ssl`: over TLS. `Require ssl-verify-client`: with a certificate that holds. */
function requirement(name: string, holds: (connection: Connection) => boolean): AuthzProvider {
  return {
    name,
    parse: (cmd, args) => {
      if (args.trim() !== '') cmd.fail(`Require ${name} does not take arguments`)
      return ({ connection }) => (holds(connection) ? 'granted' : 'denied')
    },
  }
}

export const ssl = {
  id: 'ssl_module',
  source: 'mod_ssl.c',
  directives,
  providers: [
    provide(
      AUTHZ,
      requirement('ssl', ({ tls }) => tls !== undefined),
    ),
    provide(
      AUTHZ,
      requirement('ssl-verify-client', ({ tls }) => tls?.verdict.kind === 'valid'),
    ),
  ],
  hooks: { postReadRequest, checkAccess, checkUser, fixups },
  needs: { checkAccess: [sslDir] },
  check,
} satisfies HttpdModule
