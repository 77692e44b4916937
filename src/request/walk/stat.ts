/**
 * Looking at files on the way to a request's file: synchronous, since a look costs microseconds where a detour over the thread pool costs
 * tens of them. What was seen is kept until the event loop's turn ends, so that requests that arrive together look once.
 */
import { lstatSync, type Stats, statSync } from 'node:fs'
import { pathBytes } from '../../config/files.js'

/** What a look at a path gave: a file of some kind, nothing, or why it could not be told. */
export type Look = Stats | 'missing' | NodeJS.ErrnoException

/**
 * Made anew for each turn. A map that is cleared keeps its old table, and that the next one, so that once the first of them has grown old the engine
 * carries over all that later turns have seen.
 */
let seen = new Map<string, Look>()

let turns = 0

/** Number of the turn of the event loop: another one once what was seen is forgotten. */
export function turn(): number {
  return turns
}

/** What the path is, symbolic links followed. */
export function look(path: string): Look {
  const known = seen.get(path)
  if (known !== undefined) return known
  const found = lookNow(path, statSync)
  if (seen.size === 0) setImmediate(forget)
  seen.set(path, found)
  return found
}

/** What the last component of the path itself is, be it a symbolic link. */
export function lookAtLink(path: string): Look {
  return lookNow(path, lstatSync)
}

/** Lets the next look be a new one. */
export function forget(): void {
  turns++
  seen = new Map()
}

function lookNow(path: string, stat: typeof statSync | typeof lstatSync): Look {
  try {
    return (stat(pathBytes(path), { throwIfNoEntry: false }) as Stats | undefined) ?? 'missing'
  } catch (error) {
    return error as NodeJS.ErrnoException
  }
}

export function isStats(found: unknown): found is Stats {
  return typeof found === 'object' && found !== null && 'mode' in found
}
