/**
 * Text of the configuration is bytes, one character each, so that any file name survives. Node's file system functions, and Python over JSON, want
 * text.
 */

const ASCII = /^[\0-\x7f]*$/

/** Reads the bytes as UTF-8. */
export function textOf(bytes: string): string {
  return ASCII.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8')
}
