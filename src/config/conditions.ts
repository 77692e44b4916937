/**
 * The conditional sections: `<IfModule>`, `<IfDefine>`, `<IfFile>`, `<IfDirective>`, `<IfSection>`, `<IfVersion>`. They are decided while the text is
 * read, and what stands in a false one is never looked at.
 * @see https://httpd.apache.org/docs/2.4/mod/core.html#ifmodule
 * @see https://httpd.apache.org/docs/2.4/mod/mod_version.html
 */
import { FaultHere } from './errors.js'
import { compileRegex } from './regex.js'
import { nextWord, splitWords } from './words.js'

/** The httpd release whose configuration language we follow, for `<IfVersion>`. */
export const HTTPD_VERSION = '2.4.63'

/** What conditions ask about. */
export interface Facts {
  hasModule(name: string): boolean
  isDefined(name: string): boolean
  fileExists(path: string): boolean
  hasDirective(name: string): boolean
  hasSection(name: string): boolean
}

type Condition = (facts: Facts, text: string) => boolean

/** By lower-case name, with `<`. The text is what stands between the name and `>`. */
export const CONDITIONS: ReadonlyMap<string, Condition> = new Map<string, Condition>([
  ['<ifmodule', named('<IfModule', (facts, name) => facts.hasModule(name))],
  ['<ifdefine', named('<IfDefine', (facts, name) => facts.isDefined(name))],
  ['<iffile', named('<IfFile', (facts, path) => facts.fileExists(path))],
  ['<ifdirective', named('<IfDirective', (facts, name) => facts.hasDirective(name))],
  ['<ifsection', named('<IfSection', (facts, name) => facts.hasSection(name))],
  ['<ifversion', (_facts, text) => versionMatches(text, HTTPD_VERSION)],
])

/** `[!]name`, one word. */
function named(section: string, holds: (facts: Facts, name: string) => boolean): Condition {
  return (facts, text) => {
    const negated = text.startsWith('!')
    const { word } = nextWord(negated ? text.slice(1) : text)
    if (word === '') throw new FaultHere(`${section}> directive requires additional arguments`)
    return holds(facts, word) !== negated
  }
}

/** `[[!]operator] version`, the operator being `=`, `==`, `<`, `<=`, `>`, `>=` or `~`; `= /regex/` is `~ regex`. */
export function versionMatches(text: string, actual: string): boolean {
  const words = splitWords(text)
  const [operator, version] =
    words.length === 1 ? ['=', words[0] as string] : [words[0] ?? '=', words[1] ?? '']
  if (words.length > 2) throw new FaultHere("<IfVersion> directive missing closing '>'")
  const [, bang, symbol] = /^(!?)(.*)$/.exec(operator) as unknown as [string, string, string]
  return compareVersions(symbol || '=', operator, version, actual) !== (bang !== '')
}

function compareVersions(symbol: string, operator: string, version: string, actual: string): boolean {
  if (symbol === '~') return versionRegex(version).test(actual)
  if ((symbol === '=' || symbol === '==') && version.startsWith('/')) {
    if (version.length < 2 || !version.endsWith('/'))
      throw new FaultHere('Missing delimiting / of regular expression.')
    return versionRegex(version.slice(1, -1)).test(actual)
  }
  if (!/^([<>]=?|==?)$/.test(symbol)) throw new FaultHere(`unrecognized operator '${operator}'`)
  const order = orderOf(actual, version)
  return (
    (order < 0 && symbol.startsWith('<')) ||
    (order > 0 && symbol.startsWith('>')) ||
    (order === 0 && symbol.includes('='))
  )
}

function versionRegex(pattern: string): RegExp {
  try {
    return compileRegex(pattern)
  } catch (error) {
    throw new FaultHere(`Unable to compile regular expression: ${(error as Error).message}`)
  }
}

/** Parts that are not written count as 0. */
function orderOf(actual: string, wanted: string): number {
  if (!/^\d{1,9}(\.\d{1,9}){0,2}$/.test(wanted))
    throw new FaultHere(
      'Version appears to be invalid. It must have the format major[.minor[.patch]] where major, minor and patch are numbers.',
    )
  const have = actual.split('.').map(Number)
  const want = wanted.split('.').map(Number)
  for (let part = 0; part < 3; part++) {
    const difference = (have[part] ?? 0) - (want[part] ?? 0)
    if (difference !== 0) return Math.sign(difference)
  }
  return 0
}
