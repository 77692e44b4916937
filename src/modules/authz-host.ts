/**
 * mod_authz_host: `Require ip`, `host`, `forward-dns` and `local`. Conditions for checkAccessEx, see authz-core.ts.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authz_host.html
 */
import type { Command } from '../config/directive.js'
import { provide } from '../config/provider.js'
import { splitWords } from '../config/words.js'
import type { Request } from '../request/request.js'
import { type Answer, AUTHZ, type AuthzProvider } from './authz-provider.js'
import { clientHost, inDomain, systemResolver } from './client-host.js'
import type { HttpdModule } from './module.js'
import { type StringTemplate, stringTemplate } from './string-template.js'
import { parseSubnet, plainAddress, type Subnet, SubnetError } from './subnet.js'

const ip: AuthzProvider = {
  name: 'ip',
  parse: (cmd, args) => {
    const words = cmd.words(args)
    if (words.length === 0) cmd.fail("'require ip' requires an argument")
    const subnets = words.map((word) => subnet(cmd, word))
    return ({ connection }) => granted(subnets.some((contains) => contains(connection.remoteAddress)))
  },
}

const local: AuthzProvider = {
  name: 'local',
  parse: () => {
    const loopback = ['127.0.0.0/8', '::1'].map(parseSubnet)
    return ({ connection: { remoteAddress, localAddress } }) =>
      granted(remoteAddress === localAddress || loopback.some((contains) => contains(remoteAddress)))
  },
}

const host: AuthzProvider = {
  name: 'host',
  parse: (cmd, args) => {
    const text = stringTemplate(cmd, args)
    const domainsOf = wordsOf(cmd, text, withoutComment(cmd, args))
    return async (request) => {
      const name = await clientHost(request.connection)
      if (name === undefined) {
        request.report(
          'authz_host',
          'error',
          `access check of '${text(request)}' to ${request.path} failed, reason: unable to get the remote host name`,
          'AH01753',
        )
        return 'denied'
      }
      return granted(domainsOf(request).some((domain) => inDomain(domain, name)))
    }
  },
}

const forwardDns: AuthzProvider = {
  name: 'forward-dns',
  parse: (cmd, args) => {
    const namesOf = wordsOf(cmd, stringTemplate(cmd, args), withoutComment(cmd, args))
    return async (request) => {
      for (const name of namesOf(request)) if (await isAddressOf(name, request)) return 'granted'
      return 'denied'
    }
  },
}

/** The words of a text; of one with `%{…}` in it, as they are for a request. */
function wordsOf(
  cmd: Command,
  template: StringTemplate,
  text: string,
): (request: Request) => readonly string[] {
  const words = cmd.words(text)
  if (!/%\{|\$\d/.test(text)) return () => words
  return (request) => splitWords(template(request))
}

const granted = (is: boolean): Answer => (is ? 'granted' : 'denied')

function subnet(cmd: Command, word: string): Subnet {
  try {
    return parseSubnet(word)
  } catch (error) {
    if (!(error instanceof SubnetError)) throw error
    return cmd.fail(
      `ip address '${word}' appears to be invalid${error.isAddress ? `: ${error.message}` : ''}`,
    )
  }
}

/** What stands after `#` was meant as a comment, and must not be granted access. */
function withoutComment(cmd: Command, args: string): string {
  const hash = args.indexOf('#')
  if (hash < 0) return args
  cmd.warn(`ignoring comment in 'Require ${args}': only a line that begins with # is a comment`, 'AH10121')
  return args.slice(0, hash)
}

async function isAddressOf(name: string, request: Request): Promise<boolean> {
  try {
    const client = plainAddress(request.connection.remoteAddress)
    const addresses = await systemResolver.addresses(name)
    return addresses.some((address) => plainAddress(address) === client)
  } catch {
    request.report('authz_host', 'warn', `No sockaddr info for "${name}"`, 'AH03356')
    return false
  }
}

export const authzHost = {
  id: 'authz_host_module',
  source: 'mod_authz_host.c',
  directives: [],
  providers: [ip, local, host, forwardDns].map((one) => provide(AUTHZ, one)),
} satisfies HttpdModule
