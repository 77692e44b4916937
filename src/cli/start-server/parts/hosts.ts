/** Of a generated httpd.conf: virtual hosts, for names, TLS, redirects and whole hosts that another server answers. */
import type { Plan } from '../plan.js'
import type { Tls } from '../plan-parts.js'
import { headerValue, line, type Part, quoted, section } from '../text.js'
import { proxied } from './proxy.js'

/** Requests for a host name that is not among them go to the first host of an address. */
export function hostsPart(plan: Plan): Part {
  const { given, port, tls } = plan
  const name = given.text('server-name')
  const isNeeded = name !== undefined || tls !== undefined || given.has('proxy-virtual-host')
  return {
    about:
      name === undefined
        ? 'Virtual hosts.'
        : 'Virtual hosts. Requests for other host names go to the first, and are refused.',
    lines: isNeeded
      ? [...hostsOf(plan, port), ...(tls === undefined ? [] : hostsOf(plan, tls.port, tls))]
      : [],
  }
}

/** All hosts of one port. */
function hostsOf(plan: Plan, port: number, tls?: Tls): string[] {
  const { given } = plan
  const name = given.text('server-name')
  const host = (...lines: (string | undefined)[]) =>
    section('VirtualHost', `*:${port}`, [...lines, ...(tls === undefined ? [] : secured(plan, tls))])
  // Files of the document root come first, by rules of the main server, which a host only runs that says something of rewriting itself; a
  // redirect or a proxy is to answer everything.
  const files = plan.documentRoot === undefined ? undefined : 'RewriteEngine On'
  const alone = plan.documentRoot === undefined ? undefined : 'RewriteOptions IgnoreInherit'
  const isRedirected = tls === undefined && given.has('https-only')
  const redirect = [alone, `Redirect permanent / ${addressOf(name, port, isRedirected ? plan.tls : tls)}`]
  const parent = /^www\.(.+\..+)$/.exec(name ?? '')?.[1]
  const hasParent = parent !== undefined && !given.list('server-alias').includes(parent)
  return [
    ...(name === undefined
      ? []
      : host('ServerName other-names.invalid', ...section('Location', '/', ['Require all denied']))),
    ...host(
      `ServerName ${name ?? 'localhost'}`,
      line('ServerAlias', aliases(plan)),
      ...(isRedirected ? redirect : [files]),
      tls === undefined ? undefined : hsts(plan),
    ),
    ...(hasParent ? host(`ServerName ${parent}`, ...redirect) : []),
    ...given
      .pairs('proxy-virtual-host')
      .flatMap(([other, backend]) =>
        host(`ServerName ${other}`, alone, ...proxied('/', backend), 'ProxyPreserveHost On'),
      ),
  ]
}

/** The URL of the site; without a port where it is the scheme's own. */
function addressOf(name: string | undefined, port: number, tls: Tls | undefined): string {
  if (tls !== undefined) return `https://${name}${tls.port === 443 ? '' : `:${tls.port}`}/`
  return `http://${name}${port === 80 ? '' : `:${port}`}/`
}

function aliases({ given }: Plan): string | undefined {
  if (!given.has('server-name')) return undefined
  const names = [...given.list('server-alias'), ...(given.has('allow-localhost') ? ['localhost'] : [])]
  return names.length > 0 ? names.join(' ') : undefined
}

function secured({ given }: Plan, tls: Tls): (string | undefined)[] {
  const everywhere = tls.authorities !== undefined && tls.verified.length === 0
  return [
    'SSLEngine On',
    quoted('SSLCertificateFile', tls.certificate),
    quoted('SSLCertificateKeyFile', tls.key),
    quoted('SSLCertificateChainFile', tls.chain),
    quoted('SSLCACertificateFile', tls.authorities),
    ...(everywhere ? ['SSLVerifyClient require', 'SSLVerifyDepth 1'] : []),
    given.has('ssl-environment') ? 'SSLOptions +StdEnvVars' : undefined,
  ]
}

function hsts({ given }: Plan): string | undefined {
  const policy = given.text('hsts-policy')
  return policy === undefined
    ? undefined
    : `Header always set Strict-Transport-Security ${headerValue(policy)}`
}
