/**
 * Addresses as `Listen` and `<VirtualHost>` write them.
 */
import { isIP, isIPv4 } from 'node:net'
import type { Command } from '../../config/directive.js'
import type { VhostAddress } from '../../config/site.js'
import { isIPv6 } from '../../system/ip.js'
import type { ListenAddress } from './settings.js'

/** `[ip:]port [protocol]`. The protocol is `https` for port 443, else `http`, unless written. */
export function parseListen(cmd: Command, word: string, protocol?: string): ListenAddress {
  const { host, port } = splitHostPort(word)
  if (host?.includes('%')) cmd.fail('Scope ID in address is not supported')
  if (port === undefined) return cmd.fail('Port must be specified')
  const number = portNumber(port)
  if (number === undefined) return cmd.fail(`Invalid address or port: "${word}"`)
  if (host !== undefined && host !== '*' && isIP(host) === 0)
    cmd.fail(`Invalid address or port: "${word}" (Listen takes numeric addresses, IPv6 ones in brackets)`)
  return {
    host: host === undefined || host === '*' ? '' : canonicalAddress(host),
    port: number,
    protocol: (protocol ?? (number === 443 ? 'https' : 'http')).toLowerCase(),
    at: cmd.at,
  }
}

/** A word of `<VirtualHost>`: `*`, `_default_`, an address, each perhaps with `:port` or `:*`. Host names are refused. */
export function parseVhostAddress(cmd: Command, word: string): VhostAddress {
  if (/^\d+$/.test(word))
    cmd.fail(`Missing address for VirtualHost: write *:${word} for port ${word} of every address`)
  const bare = isIPv6(word) ? { host: word, port: undefined } : splitHostPort(word)
  const host = bare.host ?? word
  const port = bare.port === undefined || bare.port === '*' ? 0 : portNumber(bare.port)
  if (port === undefined)
    return cmd.fail(`The port number "${bare.port}" is outside the appropriate range (i.e., 1..65535)`)
  if (host === '*' || host.toLowerCase() === '_default_') return { host: '*', port }
  if (isIP(host) === 0)
    cmd.fail(
      `<VirtualHost ${word}>: "${host}" is no address. Use * and a ServerName for name-based virtual hosts`,
    )
  return { host: canonicalAddress(host), port }
}

/** IPv6 in the shortest lower-case form, IPv4 in IPv6 as plain IPv4: the form in which addresses of connections are compared. */
export function canonicalAddress(address: string): string {
  // what nearly all connections have is told without a look at IPv6's grammar
  if (!address.includes(':')) return address
  if (address.startsWith('::ffff:') && isIPv4(address.slice(7))) return address.slice(7)
  if (!isIPv6(address)) return address
  const short = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(short)
  if (!mapped) return short
  const [high, low] = [Number.parseInt(mapped[1] as string, 16), Number.parseInt(mapped[2] as string, 16)]
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** Takes `host:port`, `[v6]:port`, `port` and `[v6]` apart. */
function splitHostPort(word: string): { host: string | undefined; port: string | undefined } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(word)
  if (bracketed) return { host: bracketed[1] as string, port: bracketed[2] }
  if (/^\d+$/.test(word)) return { host: undefined, port: word }
  const colon = word.lastIndexOf(':')
  if (colon < 0) return { host: word, port: undefined }
  return { host: word.slice(0, colon), port: word.slice(colon + 1) }
}

function portNumber(text: string): number | undefined {
  const port = /^\d+$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65535 ? port : undefined
}
