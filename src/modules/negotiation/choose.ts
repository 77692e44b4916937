/**
 * Which of several variants of a resource suits a request best, by its `Accept` headers: httpd's server-driven choice. Pure.
 *
 * @see https://httpd.apache.org/docs/2.4/content-negotiation.html
 */

/** A file that could be the answer. */
export interface Variant {
  /** Media type without parameters, lower case; handlers without a type count as `application/x-httpd-cgi`. */
  readonly type: string
  readonly languages: readonly string[]
  readonly charset: string | undefined
  readonly encodings: readonly string[]
  readonly size: number
}

/** The request's side: each header's value, undefined where it was not sent. */
export interface Wishes {
  readonly accept: string | undefined
  readonly language: string | undefined
  readonly charset: string | undefined
  readonly encoding: string | undefined
}

export interface LanguageRules {
  /** The preferred one first, lower case. */
  readonly priority: readonly string[]
  /** Break ties by priority. */
  readonly prefer: boolean
  /** Where no language is acceptable, the first of the priority list is. */
  readonly fallback: boolean
}

interface Wish {
  readonly name: string
  readonly quality: number
}

/** Headers beyond this many elements are a client's joke. */
const WISHES_MAX = 100

/** `a;q=0.5, b` in order; parameters other than `q` are left out. */
function parseWishes(header: string): Wish[] {
  return header
    .toLowerCase()
    .split(',', WISHES_MAX)
    .flatMap((element) => {
      const [name = '', ...parameters] = element.split(';').map((part) => part.trim())
      const given = parameters.find((parameter) => parameter.startsWith('q='))
      const quality = given === undefined ? 1 : Number(given.slice(2))
      return name === '' || !(quality >= 0 && quality <= 1) ? [] : [{ name, quality }]
    })
}

/** The most exact element decides. */
function typeQuality(header: string | undefined, type: string): number {
  if (header === undefined) return 1
  const wishes = parseWishes(header)
  const group = `${type.split('/')[0]}/*`
  for (const name of [type, group, '*/*', '*']) {
    const wish = wishes.find((one) => one.name === name)
    if (wish !== undefined) return wish.quality
  }
  return 0
}

/** `en` is good for `en-gb`; a variant without language suits everybody a little. */
function languageQuality(header: string | undefined, languages: readonly string[]): number {
  if (header === undefined) return 1
  if (languages.length === 0) return 0.001
  const wishes = parseWishes(header)
  const one = (language: string): number => {
    for (
      let prefix = language;
      prefix !== '';
      prefix = prefix.slice(0, Math.max(prefix.lastIndexOf('-'), 0))
    ) {
      const wish = wishes.find(({ name }) => name === prefix)
      if (wish !== undefined) return wish.quality
    }
    return wishes.find(({ name }) => name === '*')?.quality ?? 0
  }
  return Math.max(...languages.map((language) => one(language.toLowerCase())))
}

function plainQuality(header: string | undefined, name: string, unsaid: number): number {
  if (header === undefined) return 1
  const wishes = parseWishes(header)
  return (
    (wishes.find((one) => one.name === name) ?? wishes.find((one) => one.name === '*'))?.quality ?? unsaid
  )
}

/** Without coding is always good enough unless refused by name; a coding has to be asked for. */
function encodingQuality(header: string | undefined, encodings: readonly string[]): number {
  if (encodings.length === 0) return plainQuality(header, 'identity', 0.999)
  if (header === undefined) return 0.001
  return Math.min(...encodings.map((coding) => plainQuality(header, coding.replace(/^x-/, ''), 0)))
}

/** The index of the best variant, undefined where none is acceptable. */
export function choose(
  variants: readonly Variant[],
  wishes: Wishes,
  rules: LanguageRules,
): number | undefined {
  const anyLanguage = variants.some(({ languages }) => languages.length > 0)
  const judged = variants.map((variant, index) => ({
    index,
    type: typeQuality(wishes.accept, variant.type),
    language: anyLanguage ? languageQuality(wishes.language, variant.languages) : 1,
    rank: rankOf(variant, rules.priority),
    // Text in the default charset is acceptable to everybody.
    charset:
      variant.charset === undefined ? 1 : plainQuality(wishes.charset, variant.charset.toLowerCase(), 0),
    encoding: encodingQuality(wishes.encoding, variant.encodings),
    size: variant.size,
  }))
  const possible = judged.filter((one) => one.type > 0 && one.charset > 0 && one.encoding > 0)
  const spoken = possible.filter((one) => one.language > 0)
  const left = spoken.length > 0 ? spoken : rules.fallback ? possible : []
  const ranked = rules.prefer || spoken.length === 0
  left.sort(
    (a, b) =>
      b.type - a.type ||
      b.language - a.language ||
      (ranked ? a.rank - b.rank : 0) ||
      b.charset - a.charset ||
      b.encoding - a.encoding ||
      a.size - b.size,
  )
  return left[0]?.index
}

function rankOf({ languages }: Variant, priority: readonly string[]): number {
  const ranks = languages
    .map((language) => priority.indexOf(language.toLowerCase()))
    .filter((rank) => rank >= 0)
  return ranks.length === 0 ? priority.length : Math.min(...ranks)
}
