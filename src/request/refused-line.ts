/**
 * The parts of a request line that was refused, as far as it has them: for logs, which show what httpd's show.
 */

/** What may stand in a line that was meant as one of HTTP: a method and perhaps a target and a version. */
const MEANT = /^([\x21-\x7e]+)(?: +([\x21-\x7e\x80-\xff]+))?(?: +(HTTP\/\d\.\d))?(?: |$)/

/** What httpd logs for a part that nobody sent. */
const NOTHING = { method: '-', target: '-', protocol: 'HTTP/1.0' }

/** @param line as received; empty where nothing came. */
export function readRefusedLine(line: string): { method: string; target: string; protocol: string } {
  const parts = MEANT.exec(line)
  if (parts === null) return NOTHING
  const [, method = '', target = '/', protocol = 'HTTP/1.0'] = parts
  return { method, target, protocol }
}
