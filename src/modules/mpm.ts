/**
 * The process model's directives. Server workers here are event-driven, so most of httpd's thread arithmetic is read, checked and of no
 * consequence; the rest is what the supervisor reads.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mpm_common.html
 */
import { type Command, type Directive, directive, noEffect, take1, take12 } from '../config/directive.js'
import { settingsKey } from '../config/settings.js'
import { positiveInteger, wholeNumber } from './core/arguments.js'
import { parseListen } from './core/listen.js'
import { coreGlobal, listenSettings } from './core/settings.js'
import type { HttpdModule } from './module.js'

/** Numbers of processes and requests. Main server only; `undefined` where no directive set them. */
export interface MpmSettings {
  /** Requests handled at the same time, over all server workers. */
  readonly maxRequestWorkers: number | undefined
  /** A server worker is replaced after this many connections; 0: never. */
  readonly maxConnectionsPerChild: number
  readonly serverLimit: number | undefined
  readonly startServers: number | undefined
  readonly threadsPerChild: number | undefined
  /** Seconds; 0: wait for ever. */
  readonly gracefulShutdownTimeout: number
}

export const mpmSettings = settingsKey<MpmSettings>('mpm', {
  maxRequestWorkers: undefined,
  maxConnectionsPerChild: 0,
  serverLimit: undefined,
  startServers: undefined,
  threadsPerChild: undefined,
  gracefulShutdownTimeout: 0,
})

/** httpd's defaults of `ServerLimit` and `ThreadsPerChild`. */
const SERVER_LIMIT = 16
const THREADS_PER_CHILD = 25

/**
 * Requests that the server answers at a time. Without `MaxRequestWorkers` nothing limits them; what idle workers and load are counted by is
 * then httpd's default for that number.
 */
export function maxRequestWorkers(settings: MpmSettings): number {
  const { serverLimit = SERVER_LIMIT, threadsPerChild = THREADS_PER_CHILD } = settings
  return settings.maxRequestWorkers ?? serverLimit * threadsPerChild
}

const THREADS = 'server workers are event-driven and have no threads of this kind'
const CGI = 'for the threads and heaps of httpd itself'

/** A directive of one number that sets one property. */
function count(name: string, property: keyof MpmSettings, help: string, least = 1): Directive {
  return directive({
    name,
    syntax: 'number',
    contexts: ['server'],
    help,
    ...take1((cmd, word) => {
      cmd.main.draft(mpmSettings)[property] =
        least === 0 ? wholeNumber(cmd, word) : positiveInteger(cmd, word)
    }),
  })
}

/** A directive of one number that changes nothing here. */
function ignoredCount(name: string, help: string, accepted: string): Directive {
  return directive({
    name,
    syntax: 'number',
    contexts: ['server'],
    help,
    accepted,
    ...take1((cmd, word) => void wholeNumber(cmd, word)),
  })
}

function setListen(cmd: Command, address: string, protocol?: string): void {
  const listen = parseListen(cmd, address, protocol)
  const draft = cmd.main.draft(listenSettings)
  const others = draft.addresses ?? []
  if (others.some((other) => other.host === listen.host && other.port === listen.port))
    cmd.fail('Cannot define multiple Listeners on the same IP:port')
  draft.addresses = [...others, listen]
}

export const mpm = {
  id: 'mpm_event_module',
  source: 'event.c',
  directives: [
    directive({
      name: 'Listen',
      syntax: '[IP-address:]port [protocol]',
      contexts: ['server'],
      help: 'A port number or a numeric IP address and a port number, and an optional protocol',
      ...take12(setListen),
    }),
    directive({
      name: 'ListenBacklog',
      syntax: 'backlog',
      contexts: ['server'],
      default: '511',
      help: 'Maximum length of the queue of pending connections, as used by listen(2)',
      ...take1((cmd, word) => {
        cmd.main.draft(listenSettings).backlog = positiveInteger(cmd, word)
      }),
    }),
    directive({
      name: 'SendBufferSize',
      syntax: 'bytes',
      contexts: ['server'],
      default: '0',
      help: 'Send buffer size in bytes',
      ...take1((cmd, word) => {
        cmd.main.draft(listenSettings).sendBufferSize = wholeNumber(cmd, word)
      }),
    }),
    directive({
      name: 'ReceiveBufferSize',
      syntax: 'bytes',
      contexts: ['server'],
      default: '0',
      help: 'Receive buffer size in bytes',
      ...take1((cmd, word) => {
        cmd.main.draft(listenSettings).receiveBufferSize = wholeNumber(cmd, word)
      }),
    }),
    directive({
      name: 'PidFile',
      syntax: 'filename',
      contexts: ['server'],
      default: 'logs/httpd.pid',
      help: 'A file for logging the server process ID',
      ...take1((cmd, word) => {
        cmd.main.draft(coreGlobal).pidFile = cmd.resolve(word)
      }),
    }),
    directive({
      name: 'CoreDumpDirectory',
      syntax: 'directory',
      contexts: ['server'],
      help: 'The location of the directory the server changes to before dumping core',
      accepted: 'core files are written where the system writes them',
      ...take1((cmd, word) => {
        cmd.main.draft(coreGlobal).coreDumpDirectory = cmd.resolve(word)
      }),
    }),
    count(
      'MaxRequestWorkers',
      'maxRequestWorkers',
      'Maximum number of requests handled simultaneously; unlimited where it is not set',
    ),
    count('MaxClients', 'maxRequestWorkers', 'Deprecated name of MaxRequestWorkers'),
    count(
      'MaxConnectionsPerChild',
      'maxConnectionsPerChild',
      'Maximum number of connections a server worker handles before it is replaced',
      0,
    ),
    count('MaxRequestsPerChild', 'maxConnectionsPerChild', 'Deprecated name of MaxConnectionsPerChild', 0),
    count('ServerLimit', 'serverLimit', 'Maximum number of server workers'),
    count('StartServers', 'startServers', 'Number of server workers launched at server startup'),
    count('ThreadsPerChild', 'threadsPerChild', 'Number of requests each server worker is counted for'),
    count(
      'GracefulShutdownTimeout',
      'gracefulShutdownTimeout',
      'Maximum time in seconds to wait for running requests during a graceful shutdown',
      0,
    ),
    ignoredCount('ThreadLimit', 'Maximum of ThreadsPerChild', THREADS),
    ignoredCount('MinSpareServers', 'Minimum number of idle server workers', THREADS),
    ignoredCount('MaxSpareServers', 'Maximum number of idle server workers', THREADS),
    ignoredCount('MinSpareThreads', 'Minimum number of idle threads', THREADS),
    ignoredCount('MaxSpareThreads', 'Maximum number of idle threads', THREADS),
    ignoredCount('ThreadStackSize', 'Size in bytes of the stack of threads', THREADS),
    ignoredCount('MaxMemFree', 'Maximum of free memory in kilobytes an allocator may hold', CGI),
    directive({
      name: 'AsyncRequestWorkerFactor',
      syntax: 'factor',
      contexts: ['server'],
      help: 'How many more connections than threads a process takes',
      accepted: THREADS,
      ...take1((cmd, word) => {
        if (!(Number(word) >= 0)) cmd.fail('AsyncRequestWorkerFactor argument must be a positive number')
      }),
    }),
    directive({
      name: 'ListenCoresBucketsRatio',
      syntax: 'ratio',
      contexts: ['server'],
      help: 'Ratio of processor cores to buckets of listening sockets',
      accepted: 'every server worker accepts on the same sockets',
      ...noEffect({ kind: 'take', counts: [1] }),
    }),
    directive({
      name: 'ScoreBoardFile',
      syntax: 'file-path',
      contexts: ['server'],
      help: 'A file for the server to keep its runtime scoreboard in',
      accepted: 'the supervisor keeps this in memory',
      ...noEffect({ kind: 'take', counts: [1] }),
    }),
    directive({
      name: 'EnableExceptionHook',
      syntax: 'On|Off',
      contexts: ['server'],
      default: 'Off',
      help: 'Whether a hook runs after a crash',
      accepted: 'there are no such hooks; the cause of a crash is always logged',
      ...noEffect({ kind: 'flag' }),
    }),
  ],
} satisfies HttpdModule
