/**
 * A server worker's process that is started before anybody knows its configuration: while the supervisor reads that, the process loads its program. The
 * first worker is made of it. When there is no use for it, because the configuration is wrong or nothing is started, its connection is closed by
 * the end of this process, and it leaves.
 *
 * Stands alone (no other modules of the server but a list of names), so that it can run before the program itself is loaded. Linux only, like the handing over of
 * descriptors (hand-over.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { SERVICE_VARIABLES } from '../system/service-variables.js'

/**
 * Every object of a request dies with it, but V8 may take a burst of requests that wait for their application for a sign that such objects last,
 * and makes them in the old generation from then on, where each keeps what it refers to until the next full collection. Measured: 40 in place
 * of 56 microseconds of a worker's time per request (hello world, 64 connections).
 */
const ENGINE = ['--no-allocation-site-pretenuring']

/** Options of Node's own (`node --cpu-prof bin/wsgi-httpd.js …`) that are for server workers too: profiles, limits of memory, traces. */
const PASSED_ON = /^--(cpu-prof|heap-prof|max-|trace-)/

/** An embedded interpreter keeps one thread of libuv's pool for itself; the usual four remain for files and names. */
const THREAD_POOL_SIZE = 8

/** Descriptor of a worker's connection to the supervisor, see message-stream.ts. */
export const CHANNEL_FD = 3

/** Descriptor of the socket over which a spare worker is sent others. */
export const HAND_OVER_FD = 4

/** What it may be told on its command line: descriptors that it inherited from whoever started the server, and that are none of its business. */
export const CLOSE_WORD = '--close='

/** What every server worker is started with. */
export function workerCommand(): { words: string[]; environment: NodeJS.ProcessEnv } {
  return {
    words: [
      ...passedOn(process.execArgv),
      ...ENGINE,
      fileURLToPath(new URL('./worker-main.js', import.meta.url)),
    ],
    environment: {
      ...process.env,
      UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? String(THREAD_POOL_SIZE),
      ...Object.fromEntries(SERVICE_VARIABLES.map((name) => [name, undefined])),
    },
  }
}

/** Of the words between `node` and the program those that are for workers: options, and what stands after one as a word of its own is its value. */
export function passedOn(words: readonly string[]): string[] {
  let isPassed = false
  return words.filter((word) => {
    if (word.startsWith('-')) isPassed = PASSED_ON.test(word)
    return isPassed
  })
}

export interface SpareWorker {
  readonly child: ChildProcess
  /** Our end of the connection at {@link CHANNEL_FD}. */
  readonly channel: Socket
  /** Our end of the socket at {@link HAND_OVER_FD}. */
  readonly socket: Socket
  /** What it was started with. */
  readonly environment: Readonly<NodeJS.ProcessEnv>
}

/**
 * Starts one; undefined where that is not possible. It keeps nobody from ending.
 * @param authorities whether it has to know the certificates that `NODE_EXTRA_CA_CERTS` names, which Node reads at once when it starts: as much
 * work as all the rest of its start for the certificates of a system
 */
export function startSpareWorker(authorities: boolean): SpareWorker | undefined {
  if (process.platform !== 'linux') return undefined
  const { words, environment } = workerCommand()
  if (!authorities) delete environment.NODE_EXTRA_CA_CERTS
  const child = spawn(process.execPath, [...words, CLOSE_WORD + foreignDescriptors().join()], {
    cwd: '/',
    stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'],
    env: environment,
  })
  child.once('error', () => {}) // told by the missing pid
  // Where the system refuses the process there are no streams either, whatever the types say.
  const channel = child.stdio?.[CHANNEL_FD] as Socket | null | undefined
  const socket = child.stdio?.[HAND_OVER_FD] as Socket | null | undefined
  if (child.pid === undefined || !channel || !socket) return undefined
  for (const one of [channel, socket]) {
    one.on('error', () => {}) // its end is told by its exit
    one.unref()
  }
  child.unref()
  return { child, channel, socket, environment }
}

/** Whether these words start a server that stays in the foreground, at first sight: a spare worker too many does no harm. */
export function startsServer(words: readonly string[]): boolean {
  if (words[0] === 'start-server') return !words.includes('--help')
  const text = words.join(' ')
  const isOther = /(^| )(-[tvVlLSMh]|--help|-k(?! ?start( |$)))/.test(text)
  return !isOther && /(^| )(-X|-D ?(FOREGROUND|NO_DETACH))( |$)/.test(text)
}

/** Descriptors that this process did not open, and that its children therefore inherit: Node marks its own. */
function foreignDescriptors(): number[] {
  const O_CLOEXEC = 0o2000000
  try {
    return readdirSync('/proc/self/fdinfo')
      .map(Number)
      .filter((fd) => fd > HAND_OVER_FD && (flagsOf(fd) & O_CLOEXEC) === 0)
  } catch {
    return [] // no /proc
  }
}

/** Flags of an open descriptor; of one that has been closed meanwhile, any that need no attention. */
function flagsOf(fd: number): number {
  try {
    const [, flags = '0'] = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? []
    return Number.parseInt(flags, 8)
  } catch {
    return -1
  }
}
