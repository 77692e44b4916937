/**
 * `Options`, `AllowOverride` and `AllowOverrideList`: what a place may do, and what its `.htaccess` files may change.
 * Manual: https://httpd.apache.org/docs/2.4/mod/core.html#options
 */

import { argv, type Command, type Directive, directive } from '../../config/directive.js'
import { NO_INCLUDES } from '../filter.js'
import { type AllowOverride, coreDir, NO_OVERRIDE, OPTION, type Options } from './settings.js'

const ALL = OPTION.Indexes | OPTION.Includes | OPTION.SymLinks | OPTION.ExecCGI

const NAMES: Readonly<Record<string, number>> = {
  indexes: OPTION.Indexes,
  includes: OPTION.Includes,
  includesnoexec: OPTION.Includes | OPTION.IncludesNOEXEC,
  followsymlinks: OPTION.SymLinks,
  symlinksifownermatch: OPTION.SymLinksIfOwnerMatch,
  execcgi: OPTION.ExecCGI,
  multiviews: OPTION.MultiViews,
  none: 0,
  all: ALL,
}

/**
 * One `Options` line over what the scope has so far. Signs may follow `All` and `None` alone; other words with and without do not mix.
 * Returns a text that says what is wrong, if anything is.
 */
export function changeOptions(before: Options, words: readonly string[]): Options | string {
  let { effective, absolute, add, remove } = before
  let signs = false
  let whole = false
  for (const [at, word] of words.entries()) {
    const sign = /^[+-]/.exec(word)?.[0]
    const written = sign === undefined ? word : word.slice(1)
    const bits = NAMES[written.toLowerCase()]
    if (sign === undefined ? signs : !signs && at > 0 && !whole)
      return 'Either all Options must start with + or -, or no Option may.'
    if (bits === undefined) return `Illegal option ${written}`
    if (/^(?:none|all)$/i.test(written)) {
      if (at > 0) return `'Options ${written}' must be the first Option given.`
      if (sign !== undefined) return `You may not use 'Options +${written}' or 'Options -${written}'.`
      whole = true
    }
    if (sign === undefined) {
      if (at === 0) [effective, absolute, add, remove] = [0, true, 0, 0]
      effective |= bits
      continue
    }
    signs = true
    if (sign === '-') {
      effective &= ~bits
      add &= ~bits
      remove |= bits
    } else {
      effective |= bits
      add |= bits
      remove &= ~bits
    }
  }
  return { effective, absolute, add, remove }
}

function setOptions(cmd: Command, words: readonly string[]): void {
  const draft = cmd.dir.draft(coreDir)
  const changed = changeOptions(draft.options ?? coreDir.defaults.options, words)
  if (typeof changed === 'string') cmd.fail(changed)
  else {
    const { optionBits } = cmd
    if (optionBits !== undefined)
      for (const word of words) {
        const bits = NAMES[word.replace(/^[+-]/, '').toLowerCase()] ?? 0
        if ((optionBits & bits) !== bits) cmd.fail(`Option ${word.replace(/^[+-]/, '')} not allowed here`)
      }
    if (changed.effective & OPTION.Includes && words.some((word) => /^\+?includes/i.test(word)))
      cmd.note(`Options ${words.join(' ')}: ${NO_INCLUDES}`)
    draft.options = changed
  }
}

const CLASSES: Readonly<Record<string, Partial<AllowOverride>>> = {
  authconfig: { authConfig: true },
  fileinfo: { fileInfo: true },
  indexes: { indexes: true },
  limit: { limit: true },
  options: { options: ALL | OPTION.MultiViews | OPTION.SymLinksIfOwnerMatch | OPTION.IncludesNOEXEC },
}

/** The words of one `AllowOverride`. Returns a text that says what is wrong, if anything is. */
export function parseAllowOverride(words: readonly string[]): AllowOverride | string {
  let allowed: AllowOverride = NO_OVERRIDE
  for (const word of words) {
    const [name = '', value] = word.toLowerCase().split('=', 2)
    if (name === 'nonfatal') {
      if (value !== 'override' && value !== 'unknown' && value !== 'all')
        return `Nonfatal must be followed by one of 'Override', 'Unknown' or 'All'`
      allowed = {
        ...allowed,
        nonfatal: {
          override: allowed.nonfatal.override || value !== 'unknown',
          unknown: allowed.nonfatal.unknown || value !== 'override',
        },
      }
    } else if (name === 'options' && value !== undefined) {
      let bits = 0
      for (const option of value.split(',')) {
        const bit = NAMES[option]
        if (bit === undefined) return `Illegal option ${option}`
        bits |= bit
      }
      allowed = { ...allowed, options: bits }
    } else if (name === 'all') for (const one of Object.values(CLASSES)) allowed = { ...allowed, ...one }
    else if (name === 'none') allowed = { ...NO_OVERRIDE, nonfatal: allowed.nonfatal }
    else {
      const one = CLASSES[name]
      if (one === undefined || value !== undefined) return `Illegal override option ${word}`
      allowed = { ...allowed, ...one }
    }
  }
  return allowed
}

/** `AllowOverride` means something in `<Directory>` without regular expression alone. */
function isUseful(cmd: Command): boolean {
  const around = cmd.enclosing.find((one) => /^<(Directory|Location|Files|If)/i.test(one.name))
  if (around === undefined) return cmd.fail(`${cmd.name} not allowed here`)
  if (/^<Directory$/i.test(around.name) && around.data !== 'regex') return true
  if (/^<DirectoryMatch|^<Directory/i.test(around.name))
    return cmd.fail(`${cmd.name} not allowed in <DirectoryMatch> or <Directory ~> context`)
  cmd.warn(`Useless use of ${cmd.name} in line ${cmd.at.line} of ${cmd.at.file}.`, 'AH00114')
  return false
}

export const optionDirectives: readonly Directive[] = [
  directive({
    name: 'Options',
    syntax: '[+|-]option [[+|-]option] ...',
    contexts: ['server', 'vhost', 'directory', 'htaccess'],
    override: 'Options',
    default: 'FollowSymLinks',
    help: 'Set a number of attributes for a given directory',
    ...argv((cmd, words) => setOptions(cmd, words)),
  }),
  directive({
    name: 'AllowOverride',
    syntax: 'All|None|directive-type [directive-type] ...',
    contexts: ['directory'],
    default: 'None',
    help: 'Controls what groups of directives can be configured by per-directory config files',
    ...argv((cmd, words) => {
      if (!isUseful(cmd)) return
      const allowed = parseAllowOverride(words)
      if (typeof allowed === 'string') cmd.fail(allowed)
      else cmd.dir.draft(coreDir).allowOverride = allowed
    }),
  }),
  directive({
    name: 'AllowOverrideList',
    syntax: 'None|directive [directive] ...',
    contexts: ['directory'],
    default: 'None',
    help: 'Controls what individual directives can be configured by per-directory config files',
    ...argv((cmd, words) => {
      if (!isUseful(cmd)) return
      const names = words.map((word) => word.toLowerCase())
      cmd.dir.draft(coreDir).allowOverrideList = new Set(names[0] === 'none' ? [] : names)
    }),
  }),
]
