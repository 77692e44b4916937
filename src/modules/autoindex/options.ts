/**
 * `IndexOptions`: how a directory listing looks. Reading, and merging of the words of an inner section over those of an outer one. Pure.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_autoindex.html#indexoptions
 */

/** Options that are on or off. Those that concern markup that our listings do not have are known, and change nothing. */
const FLAGS = [
  'FancyIndexing',
  'FoldersFirst',
  'IgnoreCase',
  'IgnoreClient',
  'ShowForbidden',
  'SuppressColumnSorting',
  'SuppressDescription',
  'SuppressHTMLPreamble',
  'SuppressLastModified',
  'SuppressSize',
  'VersionSort',
  'AddAltClass',
  'HTMLTable',
  'IconsAreLinks',
  'ScanHTMLTitles',
  'SuppressIcon',
  'SuppressRules',
  'TrackModified',
  'UseOldDateFormat',
  'XHTML',
] as const
export type IndexFlag = (typeof FLAGS)[number]

/** Options with a value; widths in characters, Infinity for `*`. */
export interface IndexValues {
  readonly charset: string
  readonly type: string
  readonly nameWidth: number
  readonly descriptionWidth: number
  /** Pixels; undefined: not said. */
  readonly iconHeight: number | undefined
  readonly iconWidth: number | undefined
}

export interface IndexOptions {
  /** Written without sign: then only these hold, whatever is set outside. */
  readonly absolute: ReadonlySet<IndexFlag> | undefined
  readonly added: ReadonlySet<IndexFlag>
  readonly removed: ReadonlySet<IndexFlag>
  readonly values: Partial<IndexValues>
}

export const NO_OPTIONS: IndexOptions = {
  absolute: undefined,
  added: new Set(),
  removed: new Set(),
  values: {},
}

export const PRESET_VALUES: IndexValues = {
  charset: 'ISO-8859-1',
  type: 'text/html',
  nameWidth: 23,
  descriptionWidth: 23,
  iconHeight: undefined,
  iconWidth: undefined,
}

/**
 * One directive's words over those that came before it in the same section.
 * @returns a message where a word is wrong
 */
export function readOptions(before: IndexOptions, words: readonly string[]): IndexOptions | string {
  let absolute = before.absolute
  const added = new Set(before.added)
  const removed = new Set(before.removed)
  const values: { -readonly [K in keyof IndexValues]?: IndexValues[K] } = { ...before.values }
  for (const word of words) {
    const [, sign = '', name = '', , value] = /^([+-]?)([^=]*)(=(.*))?$/s.exec(word) ?? []
    if (name.toLowerCase() === 'none' && value === undefined) {
      if (sign !== '') return 'Cannot combine +/- with None'
      absolute = new Set()
      added.clear()
      removed.clear()
      continue
    }
    const flag = FLAGS.find((one) => one.toLowerCase() === name.toLowerCase())
    if (flag !== undefined && value === undefined) {
      if (sign === '') {
        absolute = new Set([...(absolute ?? []), flag])
        added.clear()
        removed.clear()
      } else {
        const [to, from] = sign === '+' ? [added, removed] : [removed, added]
        to.add(flag)
        from.delete(flag)
      }
      continue
    }
    const problem = readValue(values, name.toLowerCase(), value)
    if (problem !== undefined) return problem
  }
  return { absolute, added, removed, values }
}

function readValue(
  values: { -readonly [K in keyof IndexValues]?: IndexValues[K] },
  name: string,
  value: string | undefined,
): string | undefined {
  if (value !== undefined && (name === 'charset' || name === 'type')) {
    if (!/^[\w./+-]+$/.test(value)) return `IndexOptions ${name}=${value}: not a ${name}`
    values[name] = value
    return undefined
  }
  if (value !== undefined && (name === 'namewidth' || name === 'descriptionwidth')) {
    const width = value === '*' ? Number.POSITIVE_INFINITY : Number(value)
    if (!(width >= (name === 'namewidth' ? 5 : 12))) {
      return `${name === 'namewidth' ? 'NameWidth value must be greater than 5' : 'DescriptionWidth value must be greater than 12'}`
    }
    values[name === 'namewidth' ? 'nameWidth' : 'descriptionWidth'] = width
    return undefined
  }
  if (name === 'iconheight' || name === 'iconwidth') {
    // sizes of httpd's own icons, where the word stands alone
    const pixels = value === undefined ? (name === 'iconheight' ? 22 : 20) : Number(value)
    if (!(Number.isInteger(pixels) && pixels >= 0))
      return `IndexOptions ${name}=${value}: not a number of pixels`
    values[name === 'iconheight' ? 'iconHeight' : 'iconWidth'] = pixels
    return undefined
  }
  return 'Invalid directory indexing option'
}

/** An absolute list replaces the outer one; signs change it. */
export function mergeOptions(base: IndexOptions, added: IndexOptions): IndexOptions {
  const values = { ...base.values, ...added.values }
  if (added.absolute !== undefined) return { ...added, values }
  return {
    absolute: base.absolute,
    added: new Set([...[...base.added].filter((one) => !added.removed.has(one)), ...added.added]),
    removed: new Set([...[...base.removed].filter((one) => !added.added.has(one)), ...added.removed]),
    values,
  }
}

/** Whether a flag is in force. */
export function hasFlag(options: IndexOptions, flag: IndexFlag): boolean {
  return options.added.has(flag) || (options.absolute?.has(flag) === true && !options.removed.has(flag))
}
