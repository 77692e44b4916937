/**
 * What an interpreter writes to lent connections in quick succession, the kernel puts together to fewer packets (`MSG_MORE`; a block of 16 KiB costs two thirds
 * of what it does alone). PEP 3333 wants each block to go its way even while the application makes the next one: so the worker has what is held back
 * sent every few milliseconds, which does not need the interpreter's lock.
 */

/** Sends what the kernel holds back of one connection. */
export type Push = () => void

/** A block waits at most so long for more. */
const EVERY_MS = 8
/** An interpreter holds nothing back when it has not reported for a second (`TELL_SECONDS` in loan.py); twice that covers its own delays. */
const ROUNDS = 2000 / EVERY_MS

/** The rounds that each has left. */
const watched = new Map<Push, number>()
let timer: NodeJS.Timeout | undefined

/** From now on, and for as long as it may be needed without being asked for again. */
export function pushOften(push: Push): void {
  watched.set(push, ROUNDS)
  timer ??= setInterval(round, EVERY_MS).unref()
}

export function pushNoMore(push: Push): void {
  watched.delete(push)
}

function round(): void {
  // not as soon as nothing is lent: the next response may come at once
  if (watched.size === 0) {
    clearInterval(timer)
    timer = undefined
  }
  for (const [push, left] of watched) {
    push()
    if (left > 1) watched.set(push, left - 1)
    else watched.delete(push)
  }
}
