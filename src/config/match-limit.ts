/**
 * How long a match may take. `(a+)+$` tries twice as much for each further `a` of a long text without end; PCRE stops after a number of steps, and
 * httpd takes that for no match. V8 tries on, and the event loop with it stands still, unless an expression was made with a limit of its own. The
 * way to that is the syntax of V8's own tests, so this file is the only place that uses it. A server worker asks for the limit, as it matches what
 * strangers send with patterns that authors of `.htaccess` files may have written.
 */
import { setFlagsFromString } from 'node:v8'

/** Some ten milliseconds; far more than a pattern takes that means well, for texts as long as a request line. */
const BACKTRACKS_MAX = 200_000

let limited = false

/** From here on, expressions of the configuration that try for too long do not match. */
export function limitMatches(): void {
  limited = true
  try {
    makeLimited('a', '')
  } catch {
    // A V8 without it, or one that compiles no text: at least plain patterns are matched in another way when they take long.
    limited = false
    setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')
  }
}

/** `new RegExp(source, flags)`, with the limit where it was asked for. */
export function makeRegExp(source: string, flags: string): RegExp {
  return limited ? makeLimited(source, flags) : new RegExp(source, flags)
}

/** The function is made anew each time: V8 may drop the code of one that is kept, and could not read its text again later. */
function makeLimited(source: string, flags: string): RegExp {
  setFlagsFromString('--allow-natives-syntax')
  try {
    const make = new Function(
      'source',
      'flags',
      'most',
      'return %NewRegExpWithBacktrackLimit(source, flags, most)',
    )
    return make(source, flags, BACKTRACKS_MAX)
  } finally {
    setFlagsFromString('--no-allow-natives-syntax')
  }
}
