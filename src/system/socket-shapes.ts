/**
 * Spares Node 20 a slow path in each socket that it makes. The constructor copies its options (`{ ...options }`) and adds to the copy. Where V8 11 has seen
 * such a copy with few shapes of objects, it gives every copy a hidden class of its own as soon as something is added: all that the constructors of
 * socket, readable and writable side look up in their options is then looked up the slow way, and the classes are garbage that only a full collection
 * frees. Where it has seen many shapes, it copies in another way, whose results share their class. So it is shown some.
 *
 * Making a socket takes 1.0 in place of 11.1 µs (Node 20.20). V8 12 (Node 22) does not need it: 0.4 µs.
 */
import { Socket } from 'node:net'

/** More than V8 tells apart at one place (4). */
const SHAPES = [{ a: 0 }, { b: 0 }, { c: 0 }, { d: 0 }, { e: 0 }, { f: 0 }]
/** V8 takes no notes of the first calls of a function. */
const ROUNDS = 10

/** To be called once in a process that is going to accept many connections; takes about a millisecond. */
export function showSocketShapes(v8 = process.versions.v8): void {
  if (Number.parseInt(v8, 10) >= 12) return
  for (let round = 0; round < ROUNDS; round++)
    for (const shape of SHAPES) new Socket(shape as object).destroy()
}
