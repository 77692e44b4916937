/**
 * Which of several variants suits a client best: media type, language, charset, encoding, size. Pure.
 * Algorithm: https://httpd.apache.org/docs/2.4/content-negotiation.html#methods
 */

export interface Variant {
  /** Name of the file, in its directory. */
  readonly name: string
  readonly type: string | undefined
  readonly charset: string | undefined
  readonly languages: readonly string[]
  readonly encodings: readonly string[]
  /** What it is worth beside the others, from 0 to 1. */
  readonly quality: number
  /** Bytes. */
  readonly size: number
}

/** The header fields that a choice depends on; undefined where the client sent none. */
export interface Preferences {
  readonly accept: string | undefined
  readonly language: string | undefined
  readonly charset: string | undefined
  readonly encoding: string | undefined
}

export interface LanguageRules {
  /** Preferred languages, lower case, the best first. */
  readonly priority: readonly string[]
  /** Of equally good languages, the first of these is taken. */
  readonly prefer: boolean
  /** Where no language suits, the first of these that there is is taken. */
  readonly fallback: boolean
}

interface Range {
  readonly value: string
  readonly quality: number
}

/** Elements of an `Accept…` field, lower case, with their qualities. At most 100 count. */
function ranges(field: string): Range[] {
  return field
    .split(',', 100)
    .map((element) => {
      const [value = '', ...parameters] = element
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/)
      const q = parameters.map((one) => /^q=([\d.]+)$/.exec(one)?.[1]).find((one) => one !== undefined)
      const quality = q === undefined ? 1 : Math.min(Number.parseFloat(q) || 0, 1)
      return { value, quality }
    })
    .filter(({ value }) => value !== '')
}

function typeQuality({ type }: Variant, accept: string | undefined): number {
  if (accept === undefined || accept.trim() === '') return 1
  // what has no type suits nobody who asks for one, but it is there
  const wanted = (type ?? 'application/octet-stream').toLowerCase().replace(/\s*;.*$/s, '')
  const [major = ''] = wanted.split('/')
  const all = ranges(accept)
  // Clients that send no qualities mean their wildcards as a last resort.
  const plain = !accept.includes('q=')
  const best = (value: string, fiddled: number): number | undefined => {
    const found = all.find((one) => one.value === value)
    return found && (plain && fiddled > 0 ? fiddled : found.quality)
  }
  return best(wanted, 0) ?? best(`${major}/*`, 0.02) ?? best('*/*', 0.01) ?? 0
}

/** What names no language comes after all that was asked for. */
const NO_LANGUAGE_QUALITY = 0.001
/** A language that nobody asked for, but that there is to be rather than nothing. */
const FALLBACK_QUALITY = 0.0011

function languageQuality(
  languages: readonly string[],
  field: string | undefined,
  anyHasLanguage: boolean,
): number {
  if (field === undefined || field.trim() === '' || !anyHasLanguage) return 1
  const all = ranges(field)
  if (languages.length === 0) return all.find(({ value }) => value === '*')?.quality ?? NO_LANGUAGE_QUALITY
  let best = 0
  for (const language of languages) {
    const wanted = language.toLowerCase()
    const exact = all.find(({ value }) => value === wanted)
    const prefix = all.find(({ value }) => wanted.startsWith(`${value}-`))
    // who asks for a region's language is content with the language itself, if need be
    const parent = all.find(({ value }) => value.startsWith(`${wanted}-`))
    const star = all.find(({ value }) => value === '*')
    const quality =
      exact?.quality ??
      prefix?.quality ??
      (parent && parent.quality > 0 ? 0.001 : undefined) ??
      star?.quality ??
      0
    if (quality > best) best = quality
  }
  return best
}

function charsetQuality({ charset, type }: Variant, field: string | undefined): number {
  if (field === undefined || field.trim() === '') return 1
  if (charset === undefined && !/^text\//i.test(type ?? '')) return 1
  const wanted = (charset ?? 'iso-8859-1').toLowerCase()
  const all = ranges(field)
  const found = all.find(({ value }) => value === wanted) ?? all.find(({ value }) => value === '*')
  return found?.quality ?? (wanted === 'iso-8859-1' ? 1 : 0)
}

function encodingQuality({ encodings }: Variant, field: string | undefined): number {
  const bare = encodings.map((one) => one.toLowerCase().replace(/^x-/, ''))
  if (field === undefined) return bare.length === 0 ? 1 : 0.5
  const all = ranges(field).map(({ value, quality }) => ({ value: value.replace(/^x-/, ''), quality }))
  const of = (wanted: string): number | undefined =>
    (all.find(({ value }) => value === wanted) ?? all.find(({ value }) => value === '*'))?.quality
  // not to be encoded is good unless it is refused by name
  if (bare.length === 0) return all.find(({ value }) => value === 'identity')?.quality ?? 1
  return Math.min(...bare.map((one) => of(one) ?? 0))
}

/** Place of a variant's best language in a list; the list's length where it is not there. */
function placeIn(order: readonly string[], languages: readonly string[]): number {
  const places = languages
    .map((language) =>
      order.findIndex(
        (one) => language.toLowerCase() === one || language.toLowerCase().startsWith(`${one}-`),
      ),
    )
    .filter((place) => place >= 0)
  return places.length === 0 ? order.length : Math.min(...places)
}

/** The variant to send, of equally good ones the first; undefined where none suits. */
export function choose(
  variants: readonly Variant[],
  preferences: Preferences,
  rules: LanguageRules,
): Variant | undefined {
  const anyHasLanguage = variants.some(({ languages }) => languages.length > 0)
  const rate = (variant: Variant) => {
    const asked = languageQuality(variant.languages, preferences.language, anyHasLanguage)
    const place = placeIn(rules.priority, variant.languages)
    const isFallback = asked === 0 && rules.fallback && place < rules.priority.length
    return {
      variant,
      type: typeQuality(variant, preferences.accept) * variant.quality,
      language: isFallback ? FALLBACK_QUALITY : asked,
      place: rules.prefer || isFallback ? place : 0,
      charset: charsetQuality(variant, preferences.charset),
      encoding: encodingQuality(variant, preferences.encoding),
    }
  }
  const suitable = variants
    .map(rate)
    .filter(({ type, language, charset, encoding }) => Math.min(type, language, charset, encoding) > 0)
  suitable.sort(
    (a, b) =>
      b.type - a.type ||
      b.language - a.language ||
      a.place - b.place ||
      b.charset - a.charset ||
      b.encoding - a.encoding ||
      a.variant.size - b.variant.size,
  )
  return suitable[0]?.variant
}

/**
 * What `Vary` says: the dimensions in which the variants differ; empty where there are none.
 * @param transparent whether a cache may choose too (RFC 2295)
 */
export function varyOf(variants: readonly Variant[], transparent = true): string {
  const differ = (of: (variant: Variant) => string) => new Set(variants.map(of)).size > 1
  const names = transparent ? ['negotiate'] : []
  if (differ(({ type }) => type ?? '')) names.push('accept')
  if (differ(({ languages }) => languages.join())) names.push('accept-language')
  if (differ(({ charset }) => charset ?? '')) names.push('accept-charset')
  if (differ(({ encodings }) => encodings.join())) names.push('accept-encoding')
  return names.join(',')
}

/** The list of variants for clients that choose themselves (RFC 2295). */
export function alternatesOf(variants: readonly Variant[]): string {
  return variants
    .map(({ name, type, charset, languages, encodings, quality, size }) => {
      const parts = [`"${encodeURI(name)}" ${quality}`]
      if (type !== undefined) parts.push(`{type ${type.replace(/\s*;.*$/s, '')}}`)
      if (charset !== undefined) parts.push(`{charset ${charset}}`)
      if (languages.length > 0) parts.push(`{language ${languages.join(', ')}}`)
      if (encodings.length > 0) parts.push(`{encoding ${encodings.join(', ')}}`)
      parts.push(`{length ${size}}`)
      return `{${parts.join(' ')}}`
    })
    .join(', ')
}
