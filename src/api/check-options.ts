/**
 * Whether options are what they may be: one rule for each option, and messages for people. Pure.
 */
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { didYouMean } from '../config/did-you-mean.js'
import { OptionError } from './errors.js'
import { type Chosen, DEFAULTS, type MountOptions, PATHS } from './options.js'

/** Answers what a value must be, where it is not that. */
export type Rule = (value: unknown) => string | undefined

/** Nothing that would end a line of the configuration, or that is read as a variable there. */
const UNFIT = /[\0-\x1f\x7f]|\$\{/

export const text: Rule = (value) => {
  if (typeof value !== 'string') return 'must be a text'
  if (value === '') return 'must not be empty'
  return UNFIT.test(value) ? 'must be a text without control characters and without ${' : undefined
}
export const flag: Rule = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false')
const call: Rule = (value) => (typeof value === 'function' ? undefined : 'must be a function')
const texts: Rule = (value) =>
  Array.isArray(value) && value.every((one) => text(one) === undefined)
    ? undefined
    : 'must be an array of texts without control characters and without ${'
const path: Rule = (value) => {
  if (typeof value === 'string') return text(value)
  const file = value instanceof URL ? fileOf(value) : undefined
  return file === undefined ? 'must be a text or a file: URL' : text(file)
}

function fileOf(url: URL): string | undefined {
  try {
    return fileURLToPath(url)
  } catch {
    return undefined
  }
}

const name: Rule = (value) =>
  typeof value === 'string' && /^[^\s"'%\0-\x1f\x7f]+$/.test(value)
    ? undefined
    : 'must be a name without spaces, quotes and %'
const positive: Rule = (value) =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? undefined : 'must be a number above 0'

/** A whole number. */
export function whole(minimum: number, maximum = 999_999_999_999_999): Rule {
  return (value) =>
    Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum
      ? undefined
      : `must be a whole number from ${minimum}${maximum < 1e9 ? ` to ${maximum}` : ' on'}`
}

/** 0, or `minimum` and more. */
function zeroOr(minimum: number): Rule {
  return (value) =>
    value === 0 || whole(minimum)(value) === undefined
      ? undefined
      : `must be 0 or a whole number from ${minimum} on`
}

function oneOf(...allowed: readonly string[]): Rule {
  return (value) => (allowed.includes(value as string) ? undefined : `must be one of ${allowed.join(', ')}`)
}

/** Names and texts. `removable`: undefined stands for a variable that is to be taken away. */
export function variables(removable: boolean): Rule {
  const isName = (word: string) => /^[^=\0-\x20\x7f]+$/.test(word)
  const isText = (value: unknown) =>
    (typeof value === 'string' && !value.includes('\0')) || (removable && value === undefined)
  return (value) => {
    if (typeof value !== 'object' || value === null) return 'must be an object of names and texts'
    const wrong = Object.entries(value).find(([word, given]) => !isName(word) || !isText(given))
    if (wrong === undefined) return undefined
    return `must be an object of names and texts, and ${isName(wrong[0]) ? `${wrong[0]} is not a text` : `${show(wrong[0])} is no name`}`
  }
}

function urlPath(value: unknown): string | undefined {
  const wanted = 'must be a URL path that begins with /, with nothing encoded in it, and without // and ..'
  if (typeof value !== 'string' || !value.startsWith('/') || /[\s%?#\0-\x1f\x7f]/.test(value)) return wanted
  const segments = value.slice(1).replace(/\/$/, '').split('/')
  const isOdd = value !== '/' && segments.some((one) => one === '' || one === '.' || one === '..')
  return isOdd ? wanted : undefined
}

const seconds = whole(0)

const RULES: { readonly [K in keyof Required<MountOptions>]: Rule } = {
  application: path,
  signal: (value) => (value instanceof AbortSignal ? undefined : 'must be an AbortSignal'),
  callableObject: name,
  mountPoint: urlPath,
  scriptReloading: flag,
  reloadOnChanges: flag,
  python: path,
  pythonPath: texts,
  workingDirectory: path,
  env: variables(true),
  setEnv: (value) => (typeof value === 'function' ? undefined : variables(false)(value)),
  locale: name,
  pythonWarnings: texts,
  switchInterval: positive,
  processes: whole(1, 1000),
  threads: whole(1, 65533),
  maximumRequests: whole(0),
  maximumRequestsJitter: whole(0),
  processGroup: name,
  applicationGroup: (value) =>
    value === '%{GLOBAL}'
      ? undefined
      : name(value) && 'must be %{GLOBAL} or a name without spaces, quotes and %',
  displayName: text,
  user: name,
  group: name,
  umask: (value) =>
    /^[0-7]{1,4}$/.test(String(value)) && typeof value === 'string'
      ? undefined
      : "must be octal digits in a text, such as '022'",
  cpuPriority: whole(-20, 19),
  memoryLimit: whole(0),
  virtualMemoryLimit: whole(0),
  residentMemoryLimit: whole(0),
  stackSize: whole(1),
  queueTimeout: seconds,
  requestTimeout: seconds,
  interruptTimeout: seconds,
  startupTimeout: seconds,
  deadlockTimeout: seconds,
  socketTimeout: whole(1),
  connectTimeout: seconds,
  inactivityTimeout: seconds,
  restartInterval: seconds,
  cpuTimeLimit: seconds,
  gracefulTimeout: seconds,
  shutdownTimeout: seconds,
  responseSocketTimeout: seconds,
  limitRequestBody: whole(0),
  chunkedRequest: flag,
  passAuthorization: flag,
  trustProxyHeader: texts,
  trustProxy: texts,
  listenBacklog: whole(1),
  responseBufferSize: zeroOr(65536),
  onError: call,
  log: call,
  logLevel: oneOf('emerg', 'alert', 'crit', 'error', 'warn', 'notice', 'info', 'debug'),
}

/**
 * Checks options one by one and together, and fills in the defaults.
 * @param uid of this process
 * @throws OptionError
 */
export function checkMountOptions(options: MountOptions, uid: number): Chosen {
  const given = checkOptions('mount', options, RULES)
  const fail = (option: string, problem: string): never => {
    throw new OptionError('mount', option, problem)
  }
  if (given.application === undefined)
    fail('application', 'is missing: the path of a WSGI script, or module:callable')
  for (const option of ['user', 'group'] as const)
    if (given[option] !== undefined && uid !== 0)
      fail(
        option,
        'has no effect unless this process runs as root: leave it out, or start the service as root',
      )
  if (given.group !== undefined && given.user === undefined) fail('group', 'needs the option user')
  if (given.trustProxy !== undefined && given.trustProxyHeader === undefined)
    fail('trustProxy', 'needs the option trustProxyHeader: which headers these proxies set')
  if ((given.interruptTimeout ?? 0) > 0 && given.requestTimeout === 0)
    fail('interruptTimeout', 'has no effect with requestTimeout: 0')
  if (given.reloadOnChanges === true && given.scriptReloading === false)
    fail('reloadOnChanges', 'excludes scriptReloading: false')
  const paths = PATHS.flatMap((option) => {
    const value = given[option]
    return value instanceof URL ? [[option, fileURLToPath(value)] as const] : []
  })
  return { ...DEFAULTS, ...given, ...Object.fromEntries(paths) } as Chosen
}

/**
 * The options that were given, those that are undefined left out.
 * @throws OptionError for unknown names and for values that break their rule
 */
export function checkOptions<T extends object>(
  call: string,
  options: T,
  rules: { readonly [K in keyof Required<T>]: Rule },
): Partial<T> {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`${call}: the options must be an object, not ${show(options)}`)
  const given: Partial<T> = {}
  for (const option of Object.keys(options) as (keyof T & string)[]) {
    const rule = Object.hasOwn(rules, option) ? rules[option] : undefined
    if (rule === undefined) {
      const meant = didYouMean(option, Object.keys(rules))
      throw new OptionError(
        call,
        option,
        `is not known${meant === undefined ? '' : `: did you mean ${meant}?`}`,
      )
    }
    const value = options[option]
    if (value === undefined) continue
    const problem = rule(value)
    if (problem !== undefined) throw new OptionError(call, option, `${problem}; it is ${show(value)}`)
    given[option] = value
  }
  return given
}

function show(value: unknown): string {
  const shown =
    typeof value === 'function' ? 'a function' : inspect(value, { depth: 1, breakLength: Infinity })
  return shown.length > 100 ? `${shown.slice(0, 100)}…` : shown
}
