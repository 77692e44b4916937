/**
 * The text of a type map: records of header fields, one for each variant, parted by empty lines. Pure.
 *
 * ```
 * URI: page.html.de                    Content-Language: en
 * Content-Type: text/html; qs=0.8      Content-Type: text/html; charset=UTF-8
 * Content-Language: de                 Body:--en--
 *                                      <p>The variant itself.</p>
 *                                      --en--
 * ```
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_negotiation.html#typemaps
 */
import type { Variant } from './choose.js'

export interface MapVariant extends Omit<Variant, 'size'> {
  /** Bytes, where the map says so or has the body itself. */
  readonly size: number | undefined
  /** What the map holds in place of a file, one character per byte. */
  readonly body: string | undefined
}

export interface TypeMap {
  readonly variants: readonly MapVariant[]
  /** What is wrong with the text; what follows it has not been read. */
  readonly fault: MapFault | undefined
}

export interface MapFault {
  readonly code: string
  readonly message: string
  /** There is no telling what was meant, so nothing is served. */
  readonly fatal: boolean
}

type Draft = { -readonly [key in keyof MapVariant]?: MapVariant[key] } & {
  /** Something is said about it but its name. */
  described?: boolean
}

/**
 * @param text one character per byte
 * @param file the map's name, for what is told about faults
 */
export function parseTypeMap(text: string, file: string): TypeMap {
  const own = file.slice(file.lastIndexOf('/') + 1)
  const variants: MapVariant[] = []
  let draft: Draft = {}
  const finish = (): void => {
    const { name, described, ...rest } = draft
    draft = {}
    if (!name || described !== true) return
    variants.push({ ...NOTHING_SAID, ...rest, name })
  }
  const ended = (code: string, message: string, fatal: boolean): TypeMap => ({
    variants,
    fault: { code, message, fatal },
  })

  for (let at = 0; at < text.length; ) {
    const { line, next } = logicalLine(text, at)
    at = next
    if (line.startsWith('#')) continue
    if (line.trim() === '') {
      finish()
      continue
    }
    const colon = line.indexOf(':')
    if (colon < 0)
      return ended('AH00681', `Syntax error in type map, no ':' in ${file} for header ${line}`, true)
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = withoutComments(line.slice(colon + 1)).trim()
    if (name === 'body') {
      const end = value === '' ? -1 : text.indexOf(value, at)
      if (end < 0)
        return ended(
          'AH00682',
          `Syntax error in type map, no end tag '${value}' found in ${file} for Body: content.`,
          true,
        )
      draft = { ...draft, name: own, body: text.slice(at, end), size: end - at }
      at = end + value.length
    } else if (name === 'content-length' && !/^\d{1,15}$/.test(value))
      return ended(
        'AH00684',
        `Parse error in type map, Content-Length: '${value}' in ${file} is invalid.`,
        false,
      )
    else Object.assign(draft, FIELDS[name]?.(value))
  }
  finish()
  return { variants, fault: undefined }
}

const NOTHING_SAID: Omit<MapVariant, 'name'> = {
  type: undefined,
  charset: undefined,
  languages: [],
  encodings: [],
  quality: 1,
  size: undefined,
  body: undefined,
}

/** What each field says; others, `Description` among them, say nothing that a choice depends on. */
const FIELDS: Readonly<Record<string, (value: string) => Draft>> = {
  uri: (value) => ({ name: /^[^\s;,]*/.exec(value)?.[0] ?? '' }),
  'content-type': (value) => ({ ...typeOf(value), described: true }),
  'content-length': (value) => ({ size: Number(value), described: true }),
  'content-language': (value) => ({
    languages: value
      .toLowerCase()
      .split(/\s*,\s*/)
      .filter(Boolean),
    described: true,
  }),
  'content-encoding': (value) => ({
    encodings: [/^[^\s;,]*/.exec(value.toLowerCase())?.[0] ?? ''].filter(Boolean),
    described: true,
  }),
}

/** `type/subtype` with `charset` and `qs`, the worth of the variant from 0 to 1. */
function typeOf(value: string): Draft {
  const [type = '', ...parameters] = value.toLowerCase().split(/\s*;\s*/)
  const draft: Draft = { type }
  for (const parameter of parameters) {
    const [, name, text = ''] = /^([\w-]+)\s*=\s*"?([^"]*)"?$/.exec(parameter) ?? []
    if (name === 'charset') draft.charset = text
    if (name === 'qs' || name === 'q') draft.quality = Math.min(Math.max(Number.parseFloat(text) || 0, 0), 1)
  }
  return draft
}

/**
 * A line with those that begin with white space after it, and where the next one begins. What follows `Body:` is no continuation, and comments
 * between continued lines do not count.
 */
function logicalLine(text: string, from: number): { line: string; next: number } {
  let { line, next } = physicalLine(text, from)
  if (line.startsWith('#') || line.trim() === '' || /^body:/i.test(line)) return { line, next }
  while (next < text.length) {
    const following = physicalLine(text, next)
    if (!following.line.startsWith('#')) {
      if (!/^[ \t]+\S/.test(following.line)) break
      line += ` ${following.line.trim()}`
    }
    next = following.next
  }
  return { line, next }
}

function physicalLine(text: string, from: number): { line: string; next: number } {
  const end = text.indexOf('\n', from)
  return end < 0
    ? { line: text.slice(from), next: text.length }
    : { line: text.slice(from, end).replace(/\r$/, ''), next: end + 1 }
}

/** Text in parentheses is a comment, but for that in quotes. */
function withoutComments(value: string): string {
  return value.replace(/"[^"]*"|\([^)]*\)?/g, (part) => (part.startsWith('(') ? '' : part))
}
