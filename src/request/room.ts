/**
 * Room for connections. Each takes a descriptor, and a worker that has none left reaches neither its applications nor files, and turns clients away: so
 * that some stay free, connections that wait for a request make room for new ones, as those of httpd do when its workers are busy.
 */

import { descriptorLimit } from '../system/descriptor-limit.js'
import { lazily } from '../system/lazily.js'
import type { ClientConnection } from './connection.js'

/** Kept for listeners, logs, lanes to applications and files. */
const RESERVE = 96
const RESERVE_SHARE = 1 / 16
/** So many of the connections are closed at a time, those that have waited longest: to look for them costs something. */
const CLOSED_SHARE = 1 / 16
/** Who has just connected is about to ask for something. */
const FRESH_MS = 1000

/** @param limit of descriptors @returns connections that a worker may have with it */
export function roomWith(limit: number): number {
  return Math.floor(Math.max(limit * (1 - RESERVE_SHARE) - RESERVE, limit / 2))
}

const room = lazily(() => roomWith(descriptorLimit()))

/** Connections of all addresses of this worker. */
let open = 0

/** One more. Returns whether that is more than there is room for. */
export function enter(): boolean {
  return ++open > room()
}

export function leave(): void {
  open--
}

/** The connections that are to make room, whose clients wait for nothing. @param now in milliseconds since the epoch */
export function idlest(connections: Iterable<ClientConnection>, now: number): ClientConnection[] {
  const idle = [...connections].filter(
    ({ latest, http, keepAliveMs, idleSince }) =>
      latest === undefined &&
      !http.hasBegunHead &&
      http.lingersSince === 0 &&
      (keepAliveMs !== undefined || now - idleSince > FRESH_MS),
  )
  // 0: it has come to rest since the last look at all connections
  const since = ({ idleSince }: ClientConnection) => idleSince || now
  return idle.sort((a, b) => since(a) - since(b)).slice(0, Math.ceil(room() * CLOSED_SHARE))
}
