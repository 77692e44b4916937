/**
 * Directives that say who the server is: names, administrators, and which of them go into URLs.
 */
import { type Directive, directive, flag, iterate, noEffect, take1 } from '../../config/directive.js'
import { oneOf } from './arguments.js'
import { coreDir, coreGlobal, coreServer, type ServerName } from './settings.js'

/** What a `ServerName` says. */
interface ParsedName {
  readonly name: ServerName
  readonly port: number
  /** What is odd about it. httpd takes nearly every text for a name, so nothing of it may end a start. */
  readonly oddity: string | undefined
}

/** Takes `[scheme://]host[:port]` apart. Returns a text that says what is wrong with it, if anything is. */
export function parseServerName(word: string): ParsedName | string {
  const match = /^(?:(https?):\/\/)?(\[[0-9a-f:.]+\]|[^:[\]/]+)(?::(\d+))?(\/.*)?$/i.exec(word)
  if (!match || /[*?]/.test(word))
    return `Invalid ServerName "${word}" use ServerAlias to set multiple server names.`
  const [, scheme, host = '', digits, path] = match
  const port = digits === undefined ? 0 : Number(digits)
  if (digits !== undefined && (port < 1 || port > 65535)) return `ServerName "${word}" has an invalid port`
  return {
    name: { host, key: host.toLowerCase(), scheme: scheme?.toLowerCase() as ServerName['scheme'] },
    port,
    oddity: !/^[\w.\-[\]:]+$/.test(host)
      ? `ServerName "${word}" is no host name: no client asks for it`
      : path && `ServerName "${word}" is more than a host name: "${host}" is taken`,
  }
}

export const serverNameDirectives: readonly Directive[] = [
  directive({
    name: 'ServerName',
    syntax: '[scheme://]domain-name|ip-address[:port]',
    contexts: ['server', 'vhost'],
    help: 'The hostname and port of the server',
    ...take1((cmd, word) => {
      const parsed = parseServerName(word)
      if (typeof parsed === 'string') return cmd.fail(parsed)
      const draft = cmd.server.draft(coreServer)
      draft.serverName = parsed.name
      draft.serverPort = parsed.port
      if (parsed.oddity !== undefined) cmd.warn(parsed.oddity)
    }),
  }),
  directive({
    name: 'ServerAlias',
    syntax: 'hostname [hostname] ...',
    contexts: ['vhost'],
    help: 'A name or names alternately used to access the server',
    ...iterate((cmd, names) => {
      const draft = cmd.server.draft(coreServer)
      draft.serverAliases = [...(draft.serverAliases ?? []), ...names]
    }),
  }),
  directive({
    name: 'ServerPath',
    syntax: 'URL-path',
    contexts: ['server', 'vhost'],
    help: 'The pathname the server can be reached at by clients that name no host',
    ...take1((cmd, path) => {
      if (!path.startsWith('/')) cmd.fail('ServerPath must start with /')
      cmd.server.draft(coreServer).serverPath = path
    }),
  }),
  directive({
    name: 'ServerAdmin',
    syntax: 'email-address|URL',
    contexts: ['server', 'vhost'],
    help: 'The email address of the server administrator',
    ...take1((cmd, admin) => {
      cmd.server.draft(coreServer).serverAdmin = admin
    }),
  }),
  directive({
    name: 'UseCanonicalName',
    syntax: 'On|Off|DNS',
    contexts: ['server', 'vhost', 'directory'],
    default: 'Off',
    help: 'How to work out the ServerName : Port when constructing URLs',
    ...take1((cmd, word) => {
      cmd.dir.draft(coreDir).useCanonicalName = oneOf(cmd, word, ['On', 'Off', 'DNS'])
    }),
  }),
  directive({
    name: 'UseCanonicalPhysicalPort',
    syntax: 'On|Off',
    contexts: ['server', 'vhost', 'directory'],
    default: 'Off',
    help: 'Whether to use the physical Port when constructing URLs',
    ...flag((cmd, on) => {
      cmd.dir.draft(coreDir).useCanonicalPhysicalPort = on
    }),
  }),
  directive({
    name: 'StrictHostCheck',
    syntax: 'On|Off',
    contexts: ['server', 'vhost'],
    default: 'Off',
    help: 'Whether a request for a host name that no virtual host has is refused',
    ...flag((cmd, on) => {
      cmd.server.draft(coreServer).strictHostCheck = on
    }),
  }),
  directive({
    name: 'NameVirtualHost',
    syntax: 'addr[:port]',
    contexts: ['server'],
    help: 'Without effect: every address with several virtual hosts chooses by name',
    args: { kind: 'take', counts: [1] },
    apply: (cmd) =>
      cmd.warn('NameVirtualHost has no effect and will be removed in the next release', 'AH00548'),
  }),
  directive({
    name: 'ServerSignature',
    syntax: 'On|Off|EMail',
    contexts: ['server', 'vhost', 'directory', 'htaccess'],
    override: 'All',
    default: 'Off',
    help: 'Whether error pages end with a line that names the server',
    ...take1((cmd, word) => {
      cmd.dir.draft(coreDir).serverSignature = oneOf(cmd, word, ['On', 'Off', 'EMail'])
    }),
  }),
  directive({
    name: 'ServerTokens',
    syntax: 'Major|Minor|Min[imal]|Prod[uctOnly]|OS|Full',
    contexts: ['server'],
    default: 'Full',
    help: 'What the Server header tells',
    ...take1((cmd, word) => {
      const tokens = TOKENS[word.toLowerCase()]
      if (tokens === undefined)
        cmd.fail(
          "ServerTokens takes 1 argument: 'Prod(uctOnly)', 'Major', 'Minor', 'Min(imal)', 'OS', or 'Full'",
        )
      else cmd.main.draft(coreGlobal).serverTokens = tokens
    }),
  }),
  directive({
    name: 'HostnameLookups',
    syntax: 'On|Off|Double',
    contexts: ['server', 'vhost', 'directory'],
    default: 'Off',
    help: "Whether clients' addresses are looked up for the access log",
    ...take1((cmd, word) => {
      cmd.dir.draft(coreDir).hostnameLookups = oneOf(cmd, word, ['On', 'Off', 'Double'])
    }),
  }),
  directive({
    name: 'ExtendedStatus',
    syntax: 'On|Off',
    contexts: ['server'],
    default: 'On',
    help: 'Whether the status page shows single requests',
    ...flag((cmd, on) => {
      cmd.main.draft(coreGlobal).extendedStatus = on
    }),
  }),
  directive({
    name: 'SeeRequestTail',
    syntax: 'On|Off',
    contexts: ['server'],
    default: 'Off',
    help: 'Which end of a long request line the status page shows',
    accepted: 'request lines are shown whole',
    ...noEffect({ kind: 'flag' }),
  }),
]

const TOKENS: Readonly<Record<string, 'Prod' | 'Major' | 'Minor' | 'Min' | 'OS' | 'Full'>> = {
  prod: 'Prod',
  productonly: 'Prod',
  major: 'Major',
  minor: 'Minor',
  min: 'Min',
  minimal: 'Min',
  os: 'OS',
  full: 'Full',
}
