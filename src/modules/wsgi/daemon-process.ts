/**
 * `WSGIDaemonProcess`: the table of its options, and the directive.
 * Manual: https://modwsgi.readthedocs.io/en/master/configuration-directives/WSGIDaemonProcess.html
 */
import { type Command, directive, raw } from '../../config/directive.js'
import type { DaemonGroup } from '../../wsgi/groups.js'
import { OptionSyntaxError, parseOptions, takeWord } from '../../wsgi/options.js'
import { findGroup, findUser } from '../unixd.js'
import { wsgiMain } from './settings.js'

type Options = {
  -readonly [K in keyof Omit<DaemonGroup, 'name' | 'at' | 'serverIndex' | 'written'>]: DaemonGroup[K]
}

/** mod_wsgi's defaults. */
export const DAEMON_DEFAULTS: Options = {
  user: undefined,
  group: undefined,
  supplementaryGroups: undefined,
  processes: 1,
  processesGiven: false,
  threads: 15,
  umask: undefined,
  chroot: undefined,
  home: undefined,
  lang: undefined,
  locale: undefined,
  pythonHome: undefined,
  pythonPath: [],
  pythonEggs: undefined,
  displayName: undefined,
  maximumRequests: 0,
  maximumRequestsJitter: 0,
  shutdownTimeout: 5,
  gracefulTimeout: 15,
  connectTimeout: 15,
  socketTimeout: 0,
  listenBacklog: 100,
  switchInterval: undefined,
  stackSize: undefined,
  cpuPriority: 0,
  cpuTimeLimit: 0,
  memoryLimit: 0,
  virtualMemoryLimit: 0,
  residentMemoryLimit: 0,
  startupTimeout: 0,
  deadlockTimeout: 300,
  inactivityTimeout: 0,
  requestTimeout: 0,
  interruptTimeout: 0,
  evictionTimeout: 0,
  restartInterval: 0,
  queueTimeout: 0,
  responseSocketTimeout: 0,
  responseFlushDelay: undefined,
  sendBufferSize: 0,
  receiveBufferSize: 0,
  headerBufferSize: 0,
  responseBufferSize: 0,
  socketUser: undefined,
  scriptUser: undefined,
  scriptGroup: undefined,
  serverMetrics: false,
}

/** Names of the options that hold such a value. */
type Holding<V> = { [K in keyof Options]-?: V extends Options[K] ? K : never }[keyof Options]
type TextOption = Extract<
  Holding<string>,
  | 'user'
  | 'group'
  | 'home'
  | 'lang'
  | 'locale'
  | 'pythonEggs'
  | 'displayName'
  | `${string}User`
  | 'scriptGroup'
>
type NumberOption = Holding<number>

interface OptionRule {
  /** The word of the message `Invalid X for WSGI daemon process.` */
  readonly label: string
  /** What a value must look like; the value is refused when this answers false. */
  readonly valid: (value: string) => boolean
  readonly set: (options: Options, value: string, cmd: Command) => void
}

const atLeast = (minimum: number) => (value: string) => /^\d{1,15}$/.test(value) && Number(value) >= minimum
const range = (minimum: number, maximum: number) => (value: string) =>
  atLeast(minimum)(value) && Number(value) <= maximum
const zeroOr = (minimum: number) => (value: string) => value === '0' || atLeast(minimum)(value)
const given = (value: string) => value !== ''
const anything = () => true
const absolute = (value: string) => value.startsWith('/')
const positive = (value: string) => /^\d*\.?\d+$/.test(value) && Number(value) > 0

/** A rule that only stores: the option's text, or the number it spells. */
const text = (label: string, name: TextOption, valid: OptionRule['valid'] = anything): OptionRule => ({
  label,
  valid,
  set: (options, value) => {
    options[name] = value
  },
})
const number = (label: string, name: NumberOption, valid: OptionRule['valid'] = atLeast(0)): OptionRule => ({
  label,
  valid,
  set: (options, value) => {
    options[name] = Number(value)
  },
})

/** Every option of mod_wsgi, in the order of its documentation, then our own. */
const OPTIONS: Readonly<Record<string, OptionRule>> = {
  user: text('user', 'user', given),
  group: text('group', 'group', given),
  'supplementary-groups': { label: 'supplementary groups', valid: anything, set: setSupplementaryGroups },
  processes: {
    label: 'process count',
    valid: atLeast(1),
    set: (o, v) => {
      o.processes = Number(v)
      o.processesGiven = true
    },
  },
  threads: number('thread count', 'threads', range(0, 65533)),
  umask: {
    label: 'umask',
    valid: (v) => /^[0-7]{1,4}$/.test(v),
    set: (o, v) => {
      o.umask = Number.parseInt(v, 8)
    },
  },
  chroot: { label: 'chroot directory', valid: absolute, set: setChroot },
  home: text('home directory', 'home', absolute),
  lang: text('lang', 'lang'),
  locale: text('locale', 'locale'),
  'python-home': {
    label: 'python home',
    valid: anything,
    set: (o, v, cmd) => {
      o.pythonHome = cmd.resolve(v)
    },
  },
  'python-path': {
    label: 'python path',
    valid: anything,
    set: (o, v) => {
      o.pythonPath = v.split(':').filter(Boolean)
    },
  },
  'python-eggs': text('python eggs', 'pythonEggs'),
  'switch-interval': number('switch interval', 'switchInterval', positive),
  'stack-size': number('stack size', 'stackSize', atLeast(1)),
  'maximum-requests': number('request count', 'maximumRequests'),
  'startup-timeout': number('startup timeout', 'startupTimeout'),
  'shutdown-timeout': number('shutdown timeout', 'shutdownTimeout'),
  'deadlock-timeout': number('deadlock timeout', 'deadlockTimeout'),
  'inactivity-timeout': number('inactivity timeout', 'inactivityTimeout'),
  'request-timeout': number('request timeout', 'requestTimeout'),
  'interrupt-timeout': number('interrupt timeout', 'interruptTimeout'),
  'graceful-timeout': number('graceful timeout', 'gracefulTimeout'),
  'eviction-timeout': number('eviction timeout', 'evictionTimeout'),
  'restart-interval': number('restart interval', 'restartInterval'),
  'connect-timeout': number('connect timeout', 'connectTimeout'),
  'socket-timeout': number('socket timeout', 'socketTimeout'),
  'queue-timeout': number('queue timeout', 'queueTimeout'),
  'listen-backlog': number('listen backlog', 'listenBacklog'),
  'display-name': text('display name', 'displayName'),
  'send-buffer-size': number('send buffer size', 'sendBufferSize', zeroOr(512)),
  'receive-buffer-size': number('receive buffer size', 'receiveBufferSize', zeroOr(512)),
  'header-buffer-size': number('header buffer size', 'headerBufferSize', zeroOr(8192)),
  'response-buffer-size': number('response buffer size', 'responseBufferSize', zeroOr(65536)),
  'response-socket-timeout': number('response socket timeout', 'responseSocketTimeout'),
  'response-flush-delay': number('response flush delay', 'responseFlushDelay'),
  'socket-user': text('socket user', 'socketUser', given),
  'script-user': {
    label: 'script user',
    valid: given,
    set: (o, v, cmd) => {
      const user = findUser(v)
      if (user === undefined || user.name.startsWith('#'))
        cmd.fail(`Couldn't determine user name from script user.\nThere is no user ${v}.`)
      o.scriptUser = user
    },
  },
  'script-group': {
    label: 'script group',
    valid: given,
    set: (o, v, cmd) => {
      const group = findGroup(v)
      if (group === undefined || group.name.startsWith('#'))
        cmd.fail(`Couldn't determine group name from script group.\nThere is no group ${v}.`)
      o.scriptGroup = group
    },
  },
  'cpu-time-limit': number('CPU time limit', 'cpuTimeLimit'),
  'cpu-priority': number('CPU priority', 'cpuPriority', (v) => /^[+-]?\d{1,9}$/.test(v)),
  'memory-limit': number('memory limit', 'memoryLimit'),
  'virtual-memory-limit': number('virtual memory limit', 'virtualMemoryLimit'),
  'server-metrics': {
    label: 'server metrics flag',
    valid: (v) => /^(on|off)$/i.test(v),
    set: (o, v) => {
      o.serverMetrics = v.toLowerCase() === 'on'
    },
  },
  // our own, which docs/processes.md says of each
  'resident-memory-limit': number('resident memory limit', 'residentMemoryLimit'),
  'maximum-requests-jitter': number('request count jitter', 'maximumRequestsJitter'),
}

/** Their names. */
export const DAEMON_OPTIONS: readonly string[] = Object.keys(OPTIONS)

/** Own messages of two options, as mod_wsgi has them. */
const OWN_MESSAGES: Readonly<Record<string, string>> = {
  'send-buffer-size': 'Send buffer size must be >= 512 bytes, or 0 for system default.',
  'receive-buffer-size': 'Receive buffer size must be >= 512 bytes, or 0 for system default.',
}

export const wsgiDaemonProcess = directive({
  name: 'WSGIDaemonProcess',
  syntax: 'name [option=value ...]',
  contexts: ['server', 'vhost'],
  help: "Specify details of daemon processes to start. Its options are mod_wsgi's, and two that mod_wsgi does not have: resident-memory-limit and maximum-requests-jitter.",
  ...raw(declareGroup),
})

function declareGroup(cmd: Command, text: string): void {
  const first = takeWord(text, 0)
  if (first === undefined || first.word === '') cmd.fail('Name of WSGI daemon process not supplied.')
  const name = first.word
  const main = cmd.main.draft(wsgiMain)
  const earlier = (main.daemonGroups ?? []).find((group) => group.name === name)
  if (earlier) {
    cmd.fail(
      `Name duplicates previous WSGI daemon definition.\n'${name}' was defined on line ${earlier.at.line} of ${earlier.at.file}.`,
    )
  }
  const options: Options = { ...DAEMON_DEFAULTS }
  const written = new Map<string, string>()
  for (const [option, value] of readOptions(cmd, text, first.next)) {
    const rule = Object.hasOwn(OPTIONS, option) ? OPTIONS[option] : undefined
    if (rule === undefined)
      cmd.fail(`Invalid option to WSGI daemon process definition.\nThere is no option '${option}'.`)
    if (!rule.valid(value)) cmd.fail(OWN_MESSAGES[option] ?? `Invalid ${rule.label} for WSGI daemon process.`)
    rule.set(options, value, cmd)
    written.set(option, value)
  }
  checkTogether(cmd, options, written)
  main.daemonGroups = [
    ...(main.daemonGroups ?? []),
    { ...options, name, at: cmd.at, serverIndex: cmd.serverIndex, written },
  ]
}

function readOptions(cmd: Command, text: string, from: number): [string, string][] {
  try {
    return parseOptions(text, from)
  } catch (error) {
    if (error instanceof OptionSyntaxError) {
      cmd.fail(`Invalid option to WSGI daemon process definition.\n${error.message}.`)
    }
    throw error
  }
}

function checkTogether(cmd: Command, options: Options, written: ReadonlyMap<string, string>): void {
  if (options.user === 'root' || options.user === '#0') cmd.fail('WSGI process blocked from running as root.')
  if (written.has('script-user') && written.has('script-group')) {
    cmd.fail('Only one of script-user and script-group allowed.')
  }
  const ids = ['user', 'group', 'supplementary-groups', 'socket-user'].filter((name) => written.has(name))
  if (ids.length > 0 && process.getuid?.() !== 0) {
    const names = ids.map((name) => `${name}=`).join(' and ')
    cmd.warn(`${names} of WSGIDaemonProcess have no effect unless the server is started as root.`)
  }
  if (options.residentMemoryLimit > 0 && options.threads === 0) {
    cmd.warn('resident-memory-limit has no effect on a service process (threads=0).')
  }
  if (options.maximumRequestsJitter > 0 && options.maximumRequests === 0) {
    cmd.warn('maximum-requests-jitter has no effect without maximum-requests.')
  }
  if (options.requestTimeout > 0) {
    const seconds = (options.requestTimeout * (1 + Math.log(Math.max(1, options.threads)))).toFixed(1)
    if (options.threads > 1)
      cmd.note(
        `request-timeout=${options.requestTimeout} with threads=${options.threads} ends requests after ${seconds} s, as mod_wsgi does: request-timeout * (1 + ln(threads)).`,
      )
  } else if (options.interruptTimeout > 0) {
    cmd.warn('interrupt-timeout has no effect without request-timeout.')
  }
}

/** What Linux takes (NGROUPS_MAX). */
const GROUPS_MAX = 65536

function setSupplementaryGroups(options: Options, value: string, cmd: Command): void {
  const groups = value.split(',').filter(Boolean)
  if (groups.length > GROUPS_MAX) cmd.fail('Too many supplementary groups WSGI daemon process')
  options.supplementaryGroups = groups
}

function setChroot(options: Options, value: string, cmd: Command): void {
  if (process.getuid?.() !== 0) cmd.fail('Cannot chroot WSGI daemon process when not root.')
  options.chroot = value.length > 1 ? value.replace(/\/+$/, '') : value
}
