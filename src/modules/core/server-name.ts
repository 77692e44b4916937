/**
 * Directives that say who the server is: names, administrators, and which of them go into URLs.
 */
import { type Directive, directive, flag, iterate, noEffect, take1 } from '../../config/directive.js'
import { oneOf } from './arguments.js'
import { coreDir, coreGlobal, coreServer, type ServerName } from './settings.js'

/** Takes `[scheme://]host[:port]` apart. Returns a text that says what is wrong with it, if anything is. */
export function parseServerName(word: string): ServerName | string {
  const match = /^(?:(https?):\/\/)?(\[[0-9a-f:.]+\]|[^:[\]]+)(?::(\d+))?$/i.exec(word)
  if (!match) return `Invalid ServerName "${word}" use ServerAlias to set multiple server names.`
  const host = (match[2] as string).toLowerCase()
  if (/[*?]/.test(host)) return `Invalid ServerName "${word}" use ServerAlias to set multiple server names.`
  if (!/^[\w.\-[\]:]+$/.test(host))
    return `ServerName "${word}" is no host name: write [scheme://]host[:port]`
  const port = match[3] === undefined ? 0 : Number(match[3])
  if (match[3] !== undefined && (port < 1 || port > 65535)) return `ServerName "${word}" has an invalid port`
  return { host, port, scheme: match[1]?.toLowerCase() as ServerName['scheme'] }
}

export const serverNameDirectives: readonly Directive[] = [
  directive({
    name: 'ServerName',
    syntax: '[scheme://]domain-name|ip-address[:port]',
    contexts: ['server', 'vhost'],
    help: 'The hostname and port of the server',
    ...take1((cmd, word) => {
      const name = parseServerName(word)
      if (typeof name === 'string') cmd.fail(name)
      else cmd.server.draft(coreServer).serverName = name
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
