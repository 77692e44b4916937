/**
 * What an option of `start-server` is, and the checks of their words.
 */
import { isIP } from 'node:net'
import { LEVELS } from '../../log/error-log.js'

export interface Option {
  /** Without the leading `--`. */
  readonly name: string
  /** Another name that mod_wsgi-express knows it by. */
  readonly alias?: string
  /** What the help calls its words; none: a switch. */
  readonly words: readonly string[]
  /** May be given several times. */
  readonly many?: true
  /** What holds when it is not given, for the help page. */
  readonly default?: string
  readonly help: string
  /** Looks at the words; answers what is wrong with them. */
  readonly check?: (words: readonly string[]) => string | undefined
}

export interface OptionGroup {
  readonly title: string
  readonly options: readonly Option[]
}

type Rest = Omit<Option, 'name' | 'words' | 'help'>

export function option(name: string, words: string, help: string, rest: Rest = {}): Option {
  return { name, words: words === '' ? [] : words.split(' '), help, ...rest }
}

/** A whole number from `minimum` on. */
export function count(
  name: string,
  words: string,
  help: string,
  byDefault?: string,
  minimum = 0,
  maximum?: number,
): Option {
  return option(name, words, help, {
    ...(byDefault === undefined ? {} : { default: byDefault }),
    check: ([word = '']) => integer(word, minimum, maximum),
  })
}

export const MANY = { many: true } as const

export function integer(
  word: string,
  minimum: number,
  maximum = Number.MAX_SAFE_INTEGER,
): string | undefined {
  const valid = /^\d{1,15}$/.test(word) && Number(word) >= minimum && Number(word) <= maximum
  return valid ? undefined : `must be a whole number from ${minimum}${maximum < 1e9 ? ` to ${maximum}` : ''}`
}

export const PORT = { check: ([word = '']: readonly string[]) => integer(word, 1, 65535) } as const

/** Zero, or `minimum` and more: sizes of buffers. */
export function zeroOr(minimum: number): Pick<Option, 'check'> {
  return {
    check: ([word = '']) =>
      word === '0' || integer(word, minimum) === undefined
        ? undefined
        : `must be 0 or a whole number from ${minimum}`,
  }
}

/** Seconds, with decimals where wanted. */
export function seconds(minimum: number): Pick<Option, 'check'> {
  return {
    check: ([word = '']) =>
      /^\d{1,9}(\.\d{1,9})?$/.test(word) && Number(word) >= minimum
        ? undefined
        : `must be a number of seconds from ${minimum}`,
  }
}

export function oneOf(...allowed: string[]): Pick<Option, 'check'> {
  return {
    check: ([word = '']) => (allowed.includes(word) ? undefined : `must be one of ${allowed.join(', ')}`),
  }
}

export function urlPath([word = '']: readonly string[]): string | undefined {
  return word.startsWith('/') ? undefined : 'must begin with /'
}

/** Words of a certain form. */
export function like(form: RegExp, wrong: string): Pick<Option, 'check'> {
  return { check: ([word = '']) => (form.test(word) ? undefined : wrong) }
}

export const HOST_NAME = like(/^[\w.-]+$/, 'must be a host name, without scheme and port')

export const HOST_PATTERN = like(
  /^[\w.*?-]+$/,
  'must be a host name, without scheme and port; * and ? are allowed',
)

/** httpd would not split a variable at its equals sign. */
export const VARIABLE = like(/^[^\s=]+$/, 'needs the name of a variable first, without = and blanks')

export const NAME = like(/\S/, 'needs a name')

export function listenAddress([word = '']: readonly string[]): string | undefined {
  return word === 'localhost' || word === '*' || isIP(word.replace(/^\[(.*)\]$/, '$1')) !== 0
    ? undefined
    : 'must be an IP address of this machine, or localhost'
}

/** One level, and levels of modules: `warn wsgi:info`. */
export function logLevels([words = '']: readonly string[]): string | undefined {
  const known: readonly string[] = LEVELS
  return words.split(/\s+/).every((word) => known.includes(word.replace(/^[\w.]+:/, '').toLowerCase()))
    ? undefined
    : `must be one of ${known.join(', ')}`
}

export function backend([, url = '']: readonly string[]): string | undefined {
  return /^(https?|wss?):\/\/[^/\s]+/.test(url)
    ? undefined
    : 'needs a URL that begins with http:// or https://'
}
