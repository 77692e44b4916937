/** Lines of a stream whose other end may be anyone's. */
import type { Readable } from 'node:stream'

/**
 * Calls back for each line, without its end.
 * @param longest characters of a line
 * @param tooLong called where one is longer; the stream is to be destroyed then
 */
export function onLines(
  stream: Readable,
  longest: number,
  heard: (line: string) => void,
  tooLong: () => void,
): void {
  /** Of the line that has not ended. */
  let pieces: string[] = []
  let length = 0
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      const last = text.slice(from, end)
      from = end + 1
      const line = pieces.length === 0 ? last : pieces.join('') + last
      pieces = []
      length = 0
      heard(line)
      if (stream.destroyed) return
    }
    if (from === text.length) return
    pieces.push(text.slice(from))
    length += text.length - from
    if (length > longest) tooLong()
  })
}
