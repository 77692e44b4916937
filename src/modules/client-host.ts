/**
 * The host name of a client, found as access control needs it: the name of its address must lead back to that address, or anybody who
 * controls the reverse zone of his own network could take any name.
 */
import { lookup, lookupService } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Connection } from '../request/request.js'
import { plainAddress } from './subnet.js'

/** Answers are kept this long, in milliseconds: a page with many files must not ask the name server for each of them. */
const KEEP_MS = 60_000
const MAX_KEPT = 4096

interface Kept {
  readonly until: number
  readonly name: Promise<string | undefined>
}
const kept = new Map<string, Kept>()

/** Questions to name servers; tests bring their own. */
export interface Resolver {
  /** Names of an address; rejects where there are none. */
  readonly reverse: (address: string) => Promise<readonly string[]>
  /** Addresses of a name; rejects where there are none. */
  readonly addresses: (name: string) => Promise<readonly string[]>
}

/** The system's own (getnameinfo, getaddrinfo), as httpd uses it: hosts file, name servers and whatever else is set up. */
export const systemResolver: Resolver = {
  reverse: async (address) => {
    const { hostname } = await lookupService(address, 0)
    return isIP(hostname) ? [] : [hostname]
  },
  addresses: async (name) => (await lookup(name, { all: true })).map((found) => found.address),
}

/**
 * The confirmed name of an address, in lower case and without a final dot; undefined where there is none.
 * Loopback addresses are looked up like all others (`/etc/hosts` names them).
 */
export async function confirmedName(
  address: string,
  resolver: Resolver = systemResolver,
): Promise<string | undefined> {
  const plain = plainAddress(address)
  let names: readonly string[]
  try {
    names = await resolver.reverse(plain)
  } catch {
    return undefined
  }
  for (const name of names) {
    try {
      const addresses = await resolver.addresses(name)
      if (addresses.some((one) => plainAddress(one) === plain)) return name.toLowerCase().replace(/\.$/, '')
    } catch {
      // A name without addresses confirms nothing; the next one may.
    }
  }
  return undefined
}

/** The confirmed name of a client, which its connection knows from then on: logs and applications see it. */
export async function clientHost(connection: Connection): Promise<string | undefined> {
  if (connection.remoteHost === undefined) connection.remoteHost = await hostOf(connection.remoteAddress)
  return connection.remoteHost
}

/** {@link confirmedName}, with answers kept for a minute. */
function hostOf(address: string): Promise<string | undefined> {
  const now = Date.now()
  const known = kept.get(address)
  if (known !== undefined && known.until > now) return known.name
  if (kept.size >= MAX_KEPT) kept.clear()
  const name = confirmedName(address)
  kept.set(address, { until: now + KEEP_MS, name })
  return name
}

/** Whether `name` is `domain` or ends in it at a dot; `.example.org` stands for names below only. */
export function inDomain(domain: string, name: string): boolean {
  const wanted = domain.toLowerCase()
  if (!name.toLowerCase().endsWith(wanted)) return false
  return (
    name.length === wanted.length || wanted.startsWith('.') || name[name.length - wanted.length - 1] === '.'
  )
}
