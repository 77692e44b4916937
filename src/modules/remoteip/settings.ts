/**
 * What mod_remoteip's directives set.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_remoteip.html
 */
import { settingsKey } from '../../config/settings.js'
import type { Subnet } from '../subnet.js'

/** Addresses that are believed. */
export interface TrustedRange {
  readonly contains: Subnet
  /** It may present private addresses as well, and is not told of in the header of proxies. */
  readonly internal: boolean
}

export interface RemoteIp {
  /** Name of the field with the clients' addresses; undefined: connections are what they seem. */
  readonly header: string | undefined
  /** Name of the field that gets the proxies that were passed. */
  readonly proxiesHeader: string | undefined
  /** In the order written; empty: everybody is believed, about public addresses. */
  readonly trusted: readonly TrustedRange[]
  /** Connections begin with the PROXY protocol, */
  readonly proxyProtocol: boolean
  /** except those from here. */
  readonly exceptions: readonly Subnet[]
}

export const remoteIpSettings = settingsKey<RemoteIp>('remoteip', {
  header: undefined,
  proxiesHeader: undefined,
  trusted: [],
  proxyProtocol: false,
  exceptions: [],
})
