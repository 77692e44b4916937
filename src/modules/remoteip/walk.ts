/**
 * From the connection's address back to the client's, as far as those in between are believed. Pure.
 * Rules: https://httpd.apache.org/docs/2.4/mod/mod_remoteip.html#processing
 */
import { isIP, isIPv4 } from 'node:net'
import { lazily } from '../../system/lazily.js'
import { parseSubnet } from '../subnet.js'
import type { TrustedRange } from './settings.js'

export interface Walk {
  readonly client: string
  /** What is left of the header; undefined: nothing. */
  readonly rest: string | undefined
  /** Proxies that were passed and are not internal, the nearest first. */
  readonly proxies: readonly string[]
  /** Why it stopped before the end, for the log; undefined where that is nothing to tell. */
  readonly stop: string | undefined
}

/** What nobody on the Internet has: a proxy that is not ours has no business with it. */
const privateRanges = lazily(() =>
  ['10.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'].map(parseSubnet),
)
const isPublic6 = lazily(() => parseSubnet('2000::/3'))

/**
 * @param header the field's value, several fields joined
 * @param peer the address of the connection
 * @returns undefined where the header changes nothing
 */
export function walkBack(header: string, peer: string, trusted: readonly TrustedRange[]): Walk | undefined {
  const left = header.split(',')
  const proxies: string[] = []
  let client = peer
  let moved = false
  let stop: string | undefined
  while (left.length > 0) {
    const range = trusted.find(({ contains }) => contains(client))
    if (range === undefined && trusted.length > 0) break
    const next = (left.at(-1) as string).trim()
    if (isIP(next) === 0) {
      if (next !== '') stop = `value of ${next} cannot be parsed as a client IP`
      break
    }
    const internal = range?.internal ?? false
    if (!internal && isPrivate(next)) {
      stop = `value of ${next} appears to be a private IP or nonsensical. Ignored`
      break
    }
    if (!internal) proxies.push(client)
    client = next
    moved = true
    left.pop()
  }
  if (!moved) return undefined
  return { client, rest: left.length === 0 ? undefined : left.join(',').trim(), proxies, stop }
}

function isPrivate(address: string): boolean {
  return isIPv4(address) ? privateRanges().some((contains) => contains(address)) : !isPublic6()(address)
}
