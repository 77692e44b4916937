/** Test helper: real runtime processes, and exchanges that remember what happened to them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { RuntimeControl, type RuntimeMessage, type RuntimeSettings } from '../../../src/python/control.js'
import { PROGRESS_FILE_BYTES } from '../../../src/python/progress-file.js'
import { runtimeMain } from '../../../src/python/runtime-path.js'
import { closeFd, listenUnix } from '../../../src/python/unix-sockets.js'
import { makeSecret } from '../../../src/system/secret.js'
import { Channel } from '../../../src/wsgi/channel/channel.js'
import type { BodyPlan, Exchange, Place } from '../../../src/wsgi/channel/types.js'
import { eachMinorVersion, findPython } from '../../support/pythons.js'

/** Pythons on this machine, by minor version; tests run on each. */
export const PYTHONS: readonly string[] = eachMinorVersion().map(({ executable }) => executable)

export const NEWEST: string = findPython('3')?.executable ?? '/usr/bin/python3'

export interface Daemon {
  readonly directory: string
  readonly socketPath: string
  readonly secret: string
  readonly progressPath: string
  readonly child: ChildProcess
  readonly control: RuntimeControl
  readonly messages: RuntimeMessage[]
  readonly exited: Promise<number | string>
  script(name: string, source: string): string
  connect(group?: string): Promise<Channel>
  message(type: string): Promise<RuntimeMessage>
  stop(): Promise<void>
}

const DEFAULTS: RuntimeSettings = {
  mode: 'daemon',
  process_group: 'g',
  threads: 3,
  processes: 1,
  multiprocess: false,
  multithread: true,
  shutdown_timeout: 5,
  server_version: [1, 2, 3],
  server_software: 'test',
}

/** Starts a daemon process; wait for nothing more than `ready`. */
export async function startDaemon(python: string, settings: Partial<RuntimeSettings> = {}): Promise<Daemon> {
  const directory = mkdtempSync(join(tmpdir(), 'channel-'))
  const socketPath = join(directory, 's')
  const progressPath = join(directory, 'progress')
  const listen = listenUnix(socketPath)
  const progress = openSync(progressPath, 'w+')
  ftruncateSync(progress, PROGRESS_FILE_BYTES)
  const child = spawn(python, [runtimeMain(), '--control', '3', '--listen', '4', '--progress', '5'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe', listen, progress],
  })
  closeFd(listen)
  closeSync(progress)
  const messages: RuntimeMessage[] = []
  const waiting = new Set<() => void>()
  const control = new RuntimeControl(
    child.stdio[3] as Duplex,
    (message) => {
      messages.push(message)
      for (const wake of waiting) wake()
    },
    () => {},
  )
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
  const secret = makeSecret()
  control.configure({ ...DEFAULTS, ...settings, lane_secret: secret })
  const channels: Channel[] = []
  const daemon: Daemon = {
    directory,
    socketPath,
    secret,
    progressPath,
    child,
    control,
    messages,
    exited,
    script(name, source) {
      const path = join(directory, name)
      writeFileSync(path, source)
      return path
    },
    async connect(group = '') {
      const { threads } = { ...DEFAULTS, ...settings }
      const address = { socketPath, secret, progressPath }
      const channel = await Channel.connect({ ...address, applicationGroup: group, threads })
      channels.push(channel)
      return channel
    },
    message(type) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const found = messages.find((message) => message.type === type)
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        void exited.then((code) => setTimeout(() => reject(new Error(`exited: ${code}`)), 100))
        look()
      })
    },
    async stop() {
      for (const channel of channels) channel.close()
      control.close()
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exited
      rmSync(directory, { recursive: true, force: true })
    },
  }
  await daemon.message('ready')
  return daemon
}

export interface Outcome {
  kind: 'answered' | 'end' | 'aborted' | 'failed' | 'rejected'
  status: number
  reason: string
  headers: string[]
  body: Buffer
  /** Of `aborted`, `failed`, `rejected`. */
  why: string
  note: string
  chunks: number
  log: string[]
}

export interface RequestOptions {
  method?: string
  path?: string
  query?: string
  headers?: string[]
  extra?: string[]
  body?: BodyPlan
  /** Called with each chunk; the answer goes to the channel. */
  onData?: (chunk: Buffer, resume: () => void) => boolean
  onHead?: () => void
}

export function place(script: string, more: Partial<Place> = {}): Place {
  return {
    kind: 'script',
    script,
    callable: 'application',
    reload: true,
    passAuthorization: false,
    base: { SCRIPT_FILENAME: script, SERVER_SOFTWARE: 'test' },
    ...more,
  }
}

/** Dispatches one request; `outcome` resolves at its final call. */
export function request(
  channel: Channel,
  where: Place,
  options: RequestOptions = {},
): { exchange: Exchange; outcome: Promise<Outcome>; seen: Outcome } {
  const seen: Outcome = {
    kind: 'answered',
    status: 0,
    reason: '',
    headers: [],
    body: Buffer.alloc(0),
    why: '',
    note: '',
    chunks: 0,
    log: [],
  }
  const parts: Buffer[] = []
  let finals = 0
  let exchange!: Exchange
  const outcome = new Promise<Outcome>((resolve, reject) => {
    const final = (kind: Outcome['kind']) => {
      if (++finals > 1) reject(new Error('second final call'))
      seen.kind = kind
      seen.body = Buffer.concat(parts)
      resolve(seen)
    }
    let resume = () => {}
    exchange = {
      place: where,
      fixed: [
        options.method ?? 'GET',
        '',
        options.path ?? '/',
        options.query ?? '',
        (options.path ?? '/') + (options.query === undefined ? '' : `?${options.query}`),
        'HTTP/1.1',
        'localhost',
        '80',
        '127.0.0.1',
        '127.0.0.1',
        '4711',
        'http',
        'r1',
        'c1',
      ].join('\0'),
      rawHeaders: options.headers ?? ['Host', 'localhost', 'Accept', '*/*'],
      ...(options.extra === undefined ? {} : { extra: options.extra }),
      body: options.body ?? { kind: 'none' },
      startTime: Date.now() / 1000,
      answered(status, reason, headers, body) {
        Object.assign(seen, { status, reason, headers })
        parts.push(typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.from(body))
        final('answered')
      },
      head(status, reason, headers, flow) {
        Object.assign(seen, { status, reason, headers })
        resume = () => flow.resume()
        options.onHead?.()
      },
      data(chunk) {
        seen.chunks++
        if (options.onData !== undefined) return options.onData(chunk, resume)
        parts.push(chunk)
        return true
      },
      end: () => final('end'),
      aborted(why) {
        seen.why = why
        final('aborted')
      },
      failed(why, note) {
        Object.assign(seen, { why, note })
        final('failed')
      },
      rejected(why) {
        seen.why = why
        final('rejected')
      },
      log(level, text) {
        seen.log.push(`${level}: ${text}`)
      },
    }
  })
  channel.dispatch(exchange)
  return { exchange, outcome, seen }
}
