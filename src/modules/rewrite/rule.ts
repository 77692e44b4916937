/**
 * `RewriteRule`: a pattern, what takes its place, and flags.
 * Manual: https://httpd.apache.org/docs/2.4/rewrite/flags.html
 */
import { STATUS_CODES } from 'node:http'
import type { Command } from '../../config/directive.js'
import { compileRegex } from '../../config/regex.js'
import { splitRewriteArguments } from './arguments.js'
import { type Condition, flagsOf } from './condition.js'
import { compileExpansion, type EscapeGroup, type Expansion, type MapFinder } from './expansion.js'

export interface Rule {
  readonly pattern: RegExp
  readonly negated: boolean
  readonly conditions: readonly Condition[]
  /** undefined for `-`. */
  readonly substitution: Expansion | undefined
  /** The substitution as written. */
  readonly output: string
  /** A query is written in the substitution itself. */
  readonly hasQuery: boolean
  readonly flags: RuleFlags
  /** Pattern and substitution as written, for the trace. */
  readonly text: string
}

export interface RuleFlags {
  readonly escapeGroup: EscapeGroup | undefined
  readonly chain: boolean
  readonly cookies: readonly Expansion[]
  readonly discardPathInfo: boolean
  readonly env: readonly { readonly name: Expansion; readonly value: Expansion | undefined }[]
  readonly end: boolean
  readonly last: boolean
  readonly handler: Expansion | undefined
  readonly type: Expansion | undefined
  /** Times that this rule may start the set over; 0: it does not. */
  readonly next: number
  readonly noEscape: boolean
  readonly noSubrequests: boolean
  readonly proxy: boolean
  readonly passThrough: boolean
  readonly query: 'replace' | 'append' | 'discard'
  readonly queryLast: boolean
  /** The substitution ends in `?` alone, or there is none and the old query is to go. */
  readonly noQuery: boolean
  /** Send the client elsewhere, whatever the substitution looks like. */
  readonly redirect: boolean
  /** Status of a redirection, or one that ends the request. */
  readonly status: number
  readonly skip: number
  readonly allowEncodedQuestionMark: boolean
  readonly prefixStat: boolean
}

type Draft = { -readonly [K in keyof RuleFlags]: RuleFlags[K] }

/** `N` without a number. */
const ROUNDS = 100
const ROUNDS_MAX = 32_000

const STATUS_WORDS: Readonly<Record<string, number>> = { permanent: 301, temp: 302, seeother: 303 }
const isRedirection = (status: number): boolean => status >= 300 && status < 400

/** Whether the rule ends the request with a status that is no redirection. */
export function endsRequest({ flags }: Rule): boolean {
  return !isRedirection(flags.status)
}

export function parseRule(
  cmd: Command,
  line: string,
  conditions: readonly Condition[],
  findMap: MapFinder,
): Rule {
  const args = splitRewriteArguments(line)
  if (args === undefined) return cmd.fail(`RewriteRule: bad argument line '${line}'`)
  const negated = args.first.startsWith('!')
  const source = negated ? args.first.slice(1) : args.first
  const { flags, ignoreCase } = parseFlags(cmd, args.flags, findMap)
  let output = args.second
  const none = output === '-' || flags.status === 403 || flags.status === 410
  if (output.endsWith('?')) {
    flags.noQuery = true
    output = output.slice(0, -1)
  } else if (flags.query === 'discard' && !output.includes('?')) flags.noQuery = true
  let pattern: RegExp
  try {
    pattern = compileRegex(source, { ignoreCase })
  } catch (error) {
    return cmd.fail(`RewriteRule: cannot compile regular expression '${source}': ${(error as Error).message}`)
  }
  return {
    pattern,
    negated,
    conditions,
    substitution: none ? undefined : compileExpansion(output, findMap),
    output,
    hasQuery: args.second.includes('?'),
    flags,
    text: `${args.first} ${args.second}`,
  }
}

function parseFlags(
  cmd: Command,
  text: string | undefined,
  findMap: MapFinder,
): { flags: Draft; ignoreCase: boolean } {
  const flags: Draft = {
    escapeGroup: undefined,
    chain: false,
    cookies: [],
    discardPathInfo: false,
    env: [],
    end: false,
    last: false,
    handler: undefined,
    type: undefined,
    next: 0,
    noEscape: false,
    noSubrequests: false,
    proxy: false,
    passThrough: false,
    query: 'replace',
    queryLast: false,
    noQuery: false,
    redirect: false,
    status: 302,
    skip: 0,
    allowEncodedQuestionMark: false,
    prefixStat: false,
  }
  const escaping: EscapeDraft = {}
  let ignoreCase = false
  const expansion = (value: string) => compileExpansion(value, findMap)
  for (const { name, value } of flagsOf(cmd, text)) {
    switch (name.toLowerCase()) {
      case 'b':
      case 'backrefescaping':
        escaping.on = true
        if (value !== '') escaping.only = value
        break
      case 'bnp':
      case 'backrefnoplus':
        escaping.on = true
        escaping.noPlus = true
        break
      case 'bctls':
        escaping.on = true
        escaping.controls = true
        break
      case 'bne':
        escaping.except = value
        break
      case 'c':
      case 'chain':
        flags.chain = true
        break
      case 'co':
      case 'cookie':
        flags.cookies = [...flags.cookies, expansion(value)]
        break
      case 'dpi':
      case 'discardpath':
        flags.discardPathInfo = true
        break
      case 'e':
      case 'env':
        flags.env = [...flags.env, environment(value, findMap)]
        break
      case 'end':
        flags.end = true
        break
      case 'f':
      case 'forbidden':
        flags.status = 403
        break
      case 'g':
      case 'gone':
        flags.status = 410
        break
      case 'h':
      case 'handler':
        flags.handler = expansion(value)
        break
      case 'l':
      case 'last':
        flags.last = true
        break
      case 'n':
      case 'next':
        flags.next = value === '' ? ROUNDS : number(cmd, name, value, ROUNDS_MAX)
        break
      case 'nc':
      case 'nocase':
        ignoreCase = true
        break
      case 'ne':
      case 'noescape':
        flags.noEscape = true
        break
      case 'ns':
      case 'nosubreq':
        flags.noSubrequests = true
        break
      case 'p':
      case 'proxy':
        flags.proxy = true
        break
      case 'pt':
      case 'passthrough':
        flags.passThrough = true
        break
      case 'qsa':
      case 'qsappend':
        flags.query = 'append'
        break
      case 'qsd':
      case 'qsdiscard':
        flags.query = 'discard'
        break
      case 'qsl':
      case 'qslast':
        flags.queryLast = true
        break
      case 'r':
      case 'redirect':
        flags.redirect = true
        flags.status = redirectStatus(cmd, value)
        break
      case 's':
      case 'skip':
        flags.skip = number(cmd, name, value, Number.MAX_SAFE_INTEGER)
        break
      case 't':
      case 'type':
        flags.type = expansion(value)
        break
      case 'unsafeallow3f':
        flags.allowEncodedQuestionMark = true
        break
      case 'unsafeprefixstat':
      case 'unsafe_prefix_stat':
        flags.prefixStat = true
        break
      case 'unc':
        // there are no UNC paths here that it could let through
        break
      default:
        cmd.fail(`RewriteRule: unknown flag '${name}'`)
    }
  }
  flags.escapeGroup = groupEscaper(escaping)
  return { flags, ignoreCase }
}

function number(cmd: Command, flag: string, value: string, most: number): number {
  const count = /^\d+$/.test(value) ? Number(value) : -1
  if (count < 0 || count > most) cmd.fail(`RewriteRule: invalid value '${value}' for flag '${flag}'`)
  return count
}

function redirectStatus(cmd: Command, value: string): number {
  if (value === '') return 302
  const status = STATUS_WORDS[value.toLowerCase()] ?? (/^\d+$/.test(value) ? Number(value) : 0)
  if (status < 200 || status === 418 || STATUS_CODES[status] === undefined)
    cmd.fail(`RewriteRule: invalid HTTP response code '${value}' for flag 'R'`)
  return status
}

/** `name`, `name:value` or `!name`. */
function environment(text: string, findMap: MapFinder): RuleFlags['env'][number] {
  const colon = text.indexOf(':')
  if (text.startsWith('!')) return { name: compileExpansion(text.slice(1), findMap), value: undefined }
  return colon < 0
    ? { name: compileExpansion(text, findMap), value: () => '' }
    : {
        name: compileExpansion(text.slice(0, colon), findMap),
        value: compileExpansion(text.slice(colon + 1), findMap),
      }
}

interface EscapeDraft {
  on?: boolean
  only?: string
  except?: string
  noPlus?: boolean
  controls?: boolean
}

/** What the `B` flags do to the text of a group. */
function groupEscaper({ on, only, except = '', noPlus, controls }: EscapeDraft): EscapeGroup | undefined {
  if (!on) return undefined
  const wanted = (char: string): boolean => {
    if (except.includes(char)) return false
    if (only?.includes(char)) return true
    if (controls && /[\x00-\x20\x7f]/.test(char)) return true
    if (only !== undefined || controls) return false
    return !/[A-Za-z0-9_]/.test(char)
  }
  return (text) => {
    let escaped = ''
    for (const char of text)
      if (!wanted(char)) escaped += char
      else if (char === ' ' && !noPlus) escaped += '+'
      else escaped += `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`
    return escaped
  }
}
