/**
 * Room for connections. Each takes a descriptor, and a worker that has none left reaches neither its applications nor files, and turns clients away: so
 * that some stay free, connections that wait for a request make room for new ones, as those of httpd do when its workers are busy.
 */

import { descriptorLimit } from '../system/descriptor-limit.js'
import { lazily } from '../system/lazily.js'

/** Kept for listeners, logs, lanes to applications and files. */
const RESERVE = 96
const RESERVE_SHARE = 1 / 16
/** So many of the connections are closed at a time, those that have waited longest: to look for them costs something. */
const CLOSED_SHARE = 1 / 16
/** Who has just connected is about to ask for something. */
export const FRESH_MS = 1000

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

/** A connection whose client waits for nothing. */
export interface Idle {
  /** Milliseconds since the epoch. */
  readonly since: number
  close(): void
}

/** Closes those that have waited longest, as many as make it worth having looked for them. */
export function makeRoom(idle: readonly Idle[]): void {
  const longest = [...idle].sort((a, b) => a.since - b.since)
  for (const connection of longest.slice(0, Math.ceil(room() * CLOSED_SHARE))) connection.close()
}
