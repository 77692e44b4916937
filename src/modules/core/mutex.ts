/**
 * `Mutex`: read and checked as httpd does it. Nothing here needs a mutex between processes, so it has no effect.
 * Rules: https://httpd.apache.org/docs/2.4/mod/core.html#mutex
 */
import { statSync } from 'node:fs'
import { argv, type Command, type Directive, directive } from '../../config/directive.js'
import { pathBytes } from '../../config/files.js'
import { coreGlobal } from './settings.js'

const MECHANISMS: ReadonlySet<string> = new Set(
  'none no default yes flock fcntl file pthread sysvsem posixsem sem'.split(' '),
)
const NAMED =
  "(Mutex mechanisms are: 'none', 'default', 'flock:/path/to/file', 'fcntl:/path/to/file', 'file:/path/to/file', 'pthread', 'sysvsem', 'posixsem', 'sem')"

/** What httpd's modules have mutexes for, and which of these may be done without. */
const TYPES: ReadonlySet<string> = new Set(
  `default mpm-accept authdigest-client authdigest-opaque authn-socache cache-socache ldap-cache proxy proxy-balancer-shm rewrite-map ssl-cache
  ssl-stapling ssl-stapling-refresh watchdog-callback`.split(/\s+/),
)
const DISPENSABLE: ReadonlySet<string> = new Set(['mpm-accept'])

function read(cmd: Command, words: readonly string[]): void {
  const [mechanism = '', ...rest] = words
  if (mechanism === '') cmd.fail(`Mutex requires at least a mechanism argument ${NAMED}`)
  const [, name = '', directory = ''] = /^([^:]*)(?::(.*))?$/s.exec(mechanism) ?? []
  if (!MECHANISMS.has(name.toLowerCase())) cmd.fail(`Invalid Mutex argument ${mechanism} ${NAMED}`)
  const none = ['none', 'no'].includes(name.toLowerCase())
  if (directory !== '' && !none && !isDirectory(cmd.resolve(directory)))
    cmd.fail(`Invalid Mutex directory in argument ${mechanism}`)
  const types = rest.filter((word) => word.toLowerCase() !== 'omitpid')
  for (const type of types.length > 0 ? types : ['default']) {
    if (!TYPES.has(type)) cmd.fail(`Mutex type ${type} is not valid`)
    if (none && !DISPENSABLE.has(type)) cmd.fail(`None is not allowed for mutex type ${type}`)
  }
  const draft = cmd.main.draft(coreGlobal)
  draft.mutex = [...(draft.mutex ?? []), words.join(' ')]
}

function isDirectory(path: string): boolean {
  return statSync(pathBytes(path), { throwIfNoEntry: false })?.isDirectory() ?? false
}

export const mutexDirective: Directive = directive({
  name: 'Mutex',
  syntax: 'mechanism [default|mutex-name] ... [OmitPID]',
  contexts: ['server'],
  default: 'default',
  help: 'Mechanism and lock file directory for mutexes',
  accepted: 'processes here share no memory that would need locks',
  ...argv(read),
})
