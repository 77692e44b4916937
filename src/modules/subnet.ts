/**
 * Addresses and ranges of addresses as `Require ip`, `Allow from` and their kin write them. Pure.
 */
import { BlockList, isIPv4 } from 'node:net'
import { isIPv6 } from '../system/ip.js'

/** Whether a literal address lies in the range. An IPv4 address may come in its IPv6 form (`::ffff:192.0.2.1`). */
export type Subnet = (address: string) => boolean

/** Why a text is no range of addresses; `isAddress` is false where it does not even look like an address (a host name, perhaps). */
export class SubnetError extends Error {
  override readonly name = 'SubnetError'
  constructor(
    message: string,
    readonly isAddress: boolean,
  ) {
    super(message)
  }
}

const BAD_ADDRESS = 'The specified IP address is invalid.'
const BAD_MASK = 'The specified network mask is invalid.'

/**
 * Reads `10`, `10.1`, `192.0.2.1`, `10.1.0.0/16`, `10.1.0.0/255.255.0.0`, `2001:db8::1` or `2001:db8::/32`.
 * @throws SubnetError
 */
export function parseSubnet(text: string): Subnet {
  const slash = text.indexOf('/')
  const address = slash < 0 ? text : text.slice(0, slash)
  const mask = slash < 0 ? undefined : text.slice(slash + 1)
  if (isIPv4(address)) {
    return inRange4(number4(address), mask === undefined ? 0xffffffff : mask4(mask))
  }
  if (isIPv6(address)) return range6(address, mask)
  if (!/^[\d.]+$/.test(address)) throw new SubnetError(BAD_ADDRESS, address.includes(':'))
  if (mask !== undefined) throw new SubnetError(BAD_ADDRESS, true)
  return partial4(address)
}

/** An IPv4 address in its own form, also where the connection came in over an IPv6 socket. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

/** One to three octets stand for the network that starts with them. */
function partial4(text: string): Subnet {
  const octets = text.replace(/\.$/, '').split('.')
  if (octets.length > 3 || octets.some((octet) => octet === '' || octet.length > 3 || Number(octet) > 255)) {
    throw new SubnetError(BAD_ADDRESS, true)
  }
  const padded = [...octets, '0', '0', '0'].slice(0, 4).join('.')
  return inRange4(number4(padded), (0xffffffff << (32 - 8 * octets.length)) >>> 0)
}

function mask4(mask: string): number {
  if (/^\d+$/.test(mask)) {
    const bits = Number(mask)
    if (bits >= 1 && bits <= 32) return (0xffffffff << (32 - bits)) >>> 0
  }
  if (!isIPv4(mask)) throw new SubnetError(BAD_MASK, true)
  return number4(mask)
}

function number4(address: string): number {
  let value = 0
  for (const octet of address.split('.')) value = value * 256 + Number(octet)
  return value
}

function inRange4(network: number, mask: number): Subnet {
  const wanted = (network & mask) >>> 0
  return (address) => {
    const plain = plainAddress(address)
    return !plain.includes(':') && (number4(plain) & mask) >>> 0 === wanted
  }
}

function range6(network: string, mask: string | undefined): Subnet {
  const bits = mask === undefined ? 128 : /^\d+$/.test(mask) ? Number(mask) : 0
  if (bits < 1 || bits > 128) throw new SubnetError(BAD_MASK, true)
  const list = new BlockList()
  list.addSubnet(network, bits, 'ipv6')
  return (address) => {
    const plain = plainAddress(address)
    return plain.includes(':') && list.check(plain.split('%')[0] as string, 'ipv6')
  }
}
