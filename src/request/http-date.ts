/**
 * Dates as HTTP writes them (RFC 9110 section 5.6.7). One text is remembered: most responses of a moment tell the same file's date.
 */
let lastSecond = -1
let lastText = ''

/** @param time milliseconds since the epoch. */
export function httpDate(time: number): string {
  const second = Math.floor(time / 1000)
  if (second !== lastSecond) {
    lastSecond = second
    lastText = new Date(second * 1000).toUTCString()
  }
  return lastText
}
