/**
 * `WSGIDaemonProcess`: the table of its options, and the directive.
 * Manual: https://modwsgi.readthedocs.io/en/master/configuration-directives/WSGIDaemonProcess.html
 */
import { type Command, directive, raw } from '../../config/directive.js'
import type { DaemonGroup } from '../../wsgi/groups.js'
import { OptionSyntaxError, parseOptions, takeWord } from '../../wsgi/options.js'
import { wsgiMain } from './settings.js'

type Options = {
  -readonly [K in keyof Omit<DaemonGroup, 'name' | 'at' | 'serverIndex' | 'written'>]: DaemonGroup[K]
}

/** mod_wsgi's defaults. */
const DEFAULTS: Options = {
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
  shutdownTimeout: 5,
  gracefulTimeout: 15,
  connectTimeout: 15,
  socketTimeout: 0,
  listenBacklog: 100,
  switchInterval: undefined,
  stackSize: undefined,
  cpuPriority: 0,
}

interface OptionRule {
  /** The word of the message `Invalid X for WSGI daemon process.` */
  readonly label: string
  /** What a value must look like; the value is refused when this answers false. */
  readonly valid: (value: string) => boolean
  /** Absent: the option is read and checked, but nothing acts on it in this version, and the log says so. */
  readonly set?: (options: Options, value: string, cmd: Command) => void
}

const atLeast = (minimum: number) => (value: string) => /^\d{1,15}$/.test(value) && Number(value) >= minimum
const range = (minimum: number, maximum: number) => (value: string) =>
  atLeast(minimum)(value) && Number(value) <= maximum
const zeroOr = (minimum: number) => (value: string) => value === '0' || atLeast(minimum)(value)
const given = (value: string) => value !== ''
const anything = () => true
const absolute = (value: string) => value.startsWith('/')
const positive = (value: string) => /^\d*\.?\d+$/.test(value) && Number(value) > 0
const SECONDS = atLeast(0)

/** Every option of mod_wsgi, in the order of its documentation. */
const OPTIONS: Readonly<Record<string, OptionRule>> = {
  user: {
    label: 'user',
    valid: given,
    set: (o, v) => {
      o.user = v
    },
  },
  group: {
    label: 'group',
    valid: given,
    set: (o, v) => {
      o.group = v
    },
  },
  'supplementary-groups': {
    label: 'supplementary groups',
    valid: anything,
    set: (o, v) => {
      o.supplementaryGroups = v.split(',').filter(Boolean)
    },
  },
  processes: {
    label: 'process count',
    valid: atLeast(1),
    set: (o, v) => {
      o.processes = Number(v)
      o.processesGiven = true
    },
  },
  threads: { label: 'thread count', valid: range(0, 65533), set: setThreads },
  umask: {
    label: 'umask',
    valid: (v) => /^[0-7]{1,4}$/.test(v),
    set: (o, v) => {
      o.umask = Number.parseInt(v, 8)
    },
  },
  chroot: { label: 'chroot directory', valid: absolute, set: setChroot },
  home: {
    label: 'home directory',
    valid: absolute,
    set: (o, v) => {
      o.home = v
    },
  },
  lang: {
    label: 'lang',
    valid: anything,
    set: (o, v) => {
      o.lang = v
    },
  },
  locale: {
    label: 'locale',
    valid: anything,
    set: (o, v) => {
      o.locale = v
    },
  },
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
  'python-eggs': {
    label: 'python eggs',
    valid: anything,
    set: (o, v) => {
      o.pythonEggs = v
    },
  },
  'switch-interval': {
    label: 'switch interval',
    valid: positive,
    set: (o, v) => {
      o.switchInterval = Number(v)
    },
  },
  'stack-size': {
    label: 'stack size',
    valid: atLeast(1),
    set: (o, v) => {
      o.stackSize = Number(v)
    },
  },
  'maximum-requests': {
    label: 'request count',
    valid: atLeast(0),
    set: (o, v) => {
      o.maximumRequests = Number(v)
    },
  },
  'startup-timeout': { label: 'startup timeout', valid: SECONDS },
  'shutdown-timeout': {
    label: 'shutdown timeout',
    valid: SECONDS,
    set: (o, v) => {
      o.shutdownTimeout = Number(v)
    },
  },
  'deadlock-timeout': { label: 'deadlock timeout', valid: SECONDS },
  'inactivity-timeout': { label: 'inactivity timeout', valid: SECONDS },
  'request-timeout': { label: 'request timeout', valid: SECONDS },
  'interrupt-timeout': { label: 'interrupt timeout', valid: SECONDS },
  'graceful-timeout': {
    label: 'graceful timeout',
    valid: SECONDS,
    set: (o, v) => {
      o.gracefulTimeout = Number(v)
    },
  },
  'eviction-timeout': { label: 'eviction timeout', valid: SECONDS },
  'restart-interval': { label: 'restart interval', valid: SECONDS },
  'connect-timeout': {
    label: 'connect timeout',
    valid: SECONDS,
    set: (o, v) => {
      o.connectTimeout = Number(v)
    },
  },
  'socket-timeout': {
    label: 'socket timeout',
    valid: SECONDS,
    set: (o, v) => {
      o.socketTimeout = Number(v)
    },
  },
  'queue-timeout': { label: 'queue timeout', valid: SECONDS },
  'listen-backlog': {
    label: 'listen backlog',
    valid: atLeast(0),
    set: (o, v) => {
      o.listenBacklog = Number(v)
    },
  },
  'display-name': {
    label: 'display name',
    valid: anything,
    set: (o, v) => {
      o.displayName = v
    },
  },
  'send-buffer-size': { label: 'send buffer size', valid: zeroOr(512) },
  'receive-buffer-size': { label: 'receive buffer size', valid: zeroOr(512) },
  'header-buffer-size': { label: 'header buffer size', valid: zeroOr(8192) },
  'response-buffer-size': { label: 'response buffer size', valid: zeroOr(65536) },
  'response-socket-timeout': { label: 'response socket timeout', valid: SECONDS },
  'response-flush-delay': { label: 'response flush delay', valid: SECONDS },
  'socket-user': { label: 'socket user', valid: given },
  'script-user': { label: 'script user', valid: given },
  'script-group': { label: 'script group', valid: given },
  'cpu-time-limit': { label: 'CPU time limit', valid: SECONDS },
  'cpu-priority': {
    label: 'CPU priority',
    valid: (v) => /^[+-]?\d{1,9}$/.test(v),
    set: (o, v) => {
      o.cpuPriority = Number(v)
    },
  },
  'memory-limit': { label: 'memory limit', valid: atLeast(0) },
  'virtual-memory-limit': { label: 'virtual memory limit', valid: atLeast(0) },
  'server-metrics': { label: 'server metrics flag', valid: (v) => /^(on|off)$/i.test(v) },
}

/** Own messages of two options, as mod_wsgi has them. */
const OWN_MESSAGES: Readonly<Record<string, string>> = {
  'send-buffer-size': 'Send buffer size must be >= 512 bytes, or 0 for system default.',
  'receive-buffer-size': 'Receive buffer size must be >= 512 bytes, or 0 for system default.',
}

export const wsgiDaemonProcess = directive({
  name: 'WSGIDaemonProcess',
  syntax: 'name [option=value ...]',
  contexts: ['server', 'vhost'],
  help: 'Specify details of daemon processes to start.',
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
  const options: Options = { ...DEFAULTS }
  const written = new Map<string, string>()
  for (const [option, value] of readOptions(cmd, text, first.next)) {
    const rule = Object.hasOwn(OPTIONS, option) ? OPTIONS[option] : undefined
    if (rule === undefined)
      cmd.fail(`Invalid option to WSGI daemon process definition.\nThere is no option '${option}'.`)
    if (!rule.valid(value)) cmd.fail(OWN_MESSAGES[option] ?? `Invalid ${rule.label} for WSGI daemon process.`)
    if (rule.set) rule.set(options, value, cmd)
    else cmd.warn(`WSGIDaemonProcess ${name}: option '${option}' is known but has no effect yet.`)
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
  const unprivileged = process.getuid?.() !== 0
  if (unprivileged && (options.user !== undefined || options.group !== undefined)) {
    cmd.warn('user= and group= of WSGIDaemonProcess have no effect unless the server is started as root.')
  }
}

function setThreads(options: Options, value: string, cmd: Command): void {
  options.threads = Number(value)
  if (options.threads === 0)
    cmd.warn('threads=0 (a service process) is not available yet: requests to this group get 503.')
}

function setChroot(options: Options, value: string, cmd: Command): void {
  if (process.getuid?.() !== 0) cmd.fail('Cannot chroot WSGI daemon process when not root.')
  options.chroot = value
  cmd.warn(
    'chroot= of WSGIDaemonProcess is not complete yet: the process is jailed, but paths are not rewritten for it.',
  )
}
