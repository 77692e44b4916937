/**
 * mod_remoteip: the client's address where proxies stand in between. From a header field, in postReadRequest; or from the PROXY protocol, which
 * src/http/proxy-protocol.ts reads at the beginning of a connection.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_remoteip.html
 */
import { readFileSync } from 'node:fs'
import { type Command, type Directive, directive, flag, iterate, take1 } from '../config/directive.js'
import type { Request } from '../request/request.js'
import type { HttpdModule, Outcome } from './module.js'
import { ForwardedConnection } from './remoteip/connection.js'
import { remoteIpSettings } from './remoteip/settings.js'
import { walkBack } from './remoteip/walk.js'
import { parseSubnet, type Subnet, SubnetError } from './subnet.js'

const SERVER = { contexts: ['server', 'vhost'] } as const
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

const directives: readonly Directive[] = [
  headerDirective('RemoteIPHeader', 'header', 'Specifies a request header to trust as the client IP'),
  headerDirective(
    'RemoteIPProxiesHeader',
    'proxiesHeader',
    'Specifies a request header that gets the addresses of trusted proxies',
  ),
  ...[true, false].flatMap((internal) => {
    const name = internal ? 'RemoteIPInternalProxy' : 'RemoteIPTrustedProxy'
    const what = internal ? 'may present private addresses' : 'may present public addresses'
    return [
      directive({
        name,
        syntax: 'address[/mask] ...',
        ...SERVER,
        help: `Addresses of proxies that ${what}`,
        ...iterate((cmd, words) => trust(cmd, words, internal)),
      }),
      directive({
        name: `${name}List`,
        syntax: 'file',
        ...SERVER,
        help: `File with addresses of proxies that ${what}, one on a line`,
        ...take1((cmd, file) => trust(cmd, linesOf(cmd, file), internal)),
      }),
    ]
  }),
  directive({
    name: 'RemoteIPProxyProtocol',
    syntax: 'On|Off',
    ...SERVER,
    default: 'Off',
    help: 'Connections begin with the PROXY protocol, version 1 or 2',
    ...flag((cmd, on) => {
      cmd.server.draft(remoteIpSettings).proxyProtocol = on
    }),
  }),
  directive({
    name: 'RemoteIPProxyProtocolExceptions',
    syntax: 'address[/mask] ...',
    ...SERVER,
    help: 'Addresses whose connections begin without the PROXY protocol',
    ...iterate((cmd, words) => {
      const draft = cmd.server.draft(remoteIpSettings)
      draft.exceptions = [...(draft.exceptions ?? []), ...words.map((word) => range(cmd, word))]
    }),
  }),
]

function headerDirective(name: string, property: 'header' | 'proxiesHeader', help: string): Directive {
  return directive({
    name,
    syntax: 'header-field',
    ...SERVER,
    help,
    ...take1((cmd, word) => {
      if (!FIELD_NAME.test(word)) cmd.fail(`${name}: ${word} is no name of a header field`)
      cmd.server.draft(remoteIpSettings)[property] = word
    }),
  })
}

function trust(cmd: Command, words: readonly string[], internal: boolean): void {
  const draft = cmd.server.draft(remoteIpSettings)
  const added = words.map((word) => ({ contains: range(cmd, word), internal }))
  draft.trusted = [...(draft.trusted ?? []), ...added]
}

function range(cmd: Command, word: string): Subnet {
  try {
    return parseSubnet(word)
  } catch (error) {
    if (!(error instanceof SubnetError)) throw error
    return cmd.fail(`${cmd.name}: ${word}: ${error.message} Names of hosts are not looked up`)
  }
}

function linesOf(cmd: Command, file: string): string[] {
  try {
    return readFileSync(Buffer.from(cmd.resolve(file), 'latin1'), 'latin1')
      .split('\n')
      .map((line) => line.replace(/#.*/, '').trim())
      .filter((line) => line !== '')
      .flatMap((line) => line.split(/\s+/))
  } catch (error) {
    return cmd.fail(`${cmd.name}: Can not read address list from file ${file}: ${(error as Error).message}`)
  }
}

function postReadRequest(request: Request): Outcome {
  const { header, proxiesHeader, trusted } = request.server.settings.get(remoteIpSettings)
  if (header === undefined) return undefined
  const values = request.headersIn.all(header)
  if (values.length === 0) return undefined
  const walk = walkBack(values.join(','), request.connection.remoteAddress, trusted)
  if (walk === undefined) return undefined
  if (walk.stop !== undefined)
    request.report('remoteip', 'debug', `RemoteIP: Header ${header} ${walk.stop}`, 'AH01568')
  if (walk.rest === undefined) request.headersIn.unset(header)
  else request.headersIn.set(header, walk.rest)
  if (walk.proxies.length > 0) {
    const list = walk.proxies.join(', ')
    request.notes.set('remoteip-proxy-ip-list', list)
    if (proxiesHeader !== undefined) request.headersIn.set(proxiesHeader, list)
  }
  request.connection = new ForwardedConnection(request.connection, walk.client)
  return undefined
}

export const remoteip = {
  id: 'remoteip_module',
  source: 'mod_remoteip.c',
  directives,
  hooks: { postReadRequest },
  needs: { postReadRequest: [remoteIpSettings] },
} satisfies HttpdModule
