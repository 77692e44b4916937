/**
 * The parent's end of a runtime process's control connection: lines of JSON in both directions.
 * Used by the supervisor for daemon processes and by the worker for its embedded interpreter.
 */
import type { Duplex } from 'node:stream'
import { onLines } from '../system/lines.js'
import { CAN_SEND_DESCRIPTORS, sendDescriptors } from '../system/send-descriptors.js'
import { descriptorOf } from '../system/socket-descriptor.js'
import type { RuntimeLayer } from '../wsgi/interpreter-options.js'

/** The first message to a runtime process. Unknown keys are ignored. */
export interface RuntimeSettings {
  readonly mode: 'daemon' | 'embedded'
  /** `''` for embedded. */
  readonly process_group: string
  /** An application group that lives in the main interpreter besides `''`. */
  readonly main_group?: string | null
  readonly threads: number
  readonly processes: number
  readonly multiprocess: boolean
  readonly multithread: boolean
  /** 0: no limit. */
  readonly maximum_requests?: number
  /** Up to so many more, which each process draws for itself. */
  readonly maximum_requests_jitter?: number
  /** Seconds that running requests have after `stop`; 0: as long as they like. */
  readonly shutdown_timeout?: number
  readonly umask?: number | null
  /** Working directory, and first on `sys.path`. */
  readonly home?: string | null
  readonly user?: { readonly name: string; readonly home: string } | null
  readonly lang?: string | null
  readonly locale?: string | null
  readonly python_path?: readonly string[]
  readonly python_eggs?: string | null
  readonly display_name?: string | null
  /** Bytes. */
  readonly stack_size?: number | null
  /** Limits of the process as the kernel keeps them: bytes, seconds; 0: none. */
  readonly memory_limit?: number
  readonly virtual_memory_limit?: number
  readonly cpu_time_limit?: number
  /** Bytes in RAM beyond which the process says `resident_memory`; 0: never. */
  readonly resident_memory_limit?: number
  /** Seconds between two signs of life; 0: none are asked for. */
  readonly heartbeat?: number
  /** Seconds after which an interpreter with a GIL of its own counts as silent; 0: never. */
  readonly deadlock_timeout?: number
  /** Seconds; 0: no limit. */
  readonly startup_timeout?: number
  readonly inactivity_timeout?: number
  readonly request_timeout?: number
  readonly interrupt_timeout?: number
  readonly queue_timeout?: number
  /** How SIGUSR1 is reported: an eviction has a time limit of its own. */
  readonly eviction_timeout?: number
  /** Bytes; 0: the system's default. */
  readonly send_buffer_size?: number
  readonly receive_buffer_size?: number
  /** Whether `mod_wsgi.server_metrics()` may tell about other applications. */
  readonly server_metrics?: boolean
  /** Where the process sends what it has counted; null: nowhere. Times are seconds. */
  readonly telemetry?: {
    readonly path: string
    readonly interval: number
    readonly slow: number | null
    readonly user_agent: boolean
  } | null
  /** Seconds. */
  readonly switch_interval?: number | null
  readonly restrict_stdin?: boolean
  readonly restrict_stdout?: boolean
  readonly restrict_signal?: boolean
  readonly py3k_warning?: boolean
  /** Sub-interpreters have a GIL of their own, where Python can (3.12 and later). */
  readonly per_interpreter_gil?: boolean
  /** The process is to run without GIL. */
  readonly free_threading?: boolean
  /**
   * What the first line of each lane has to hold. Whoever has the right to connect (all that runs as `User`) could name a script of its own there:
   * the server workers alone are told the secret, and nobody else can read it.
   */
  readonly lane_secret?: string
  /** The process loads its scripts and forks others from then on (`src/server/zygote.ts`). */
  readonly zygote?: boolean
  /** Settings of some interpreters alone; later ones win. */
  readonly interpreter_layers?: readonly RuntimeLayer[]
  /** false: the process ends without atexit functions and without waiting for threads. */
  readonly destroy_interpreter?: boolean
  /** Application groups whose names come from requests. */
  readonly application_group_limit?: number
  readonly server_version: readonly [number, number, number]
  readonly server_software: string
  /** Scripts to load before `ready`. */
  readonly imports?: readonly RuntimeImport[]
}

/** A script to load; see `src/wsgi/imports.ts`. */
export interface RuntimeImport {
  readonly script: string
  /** `''`: the main interpreter. */
  readonly application_group: string
  /** Name of the application object, where a script without it is to count as one that failed. */
  readonly callable?: string
}

/** What a runtime process tells its parent. */
export type RuntimeMessage =
  | {
      readonly type: 'ready'
      readonly pid: number
      readonly version: string
      readonly subinterpreters: boolean
      /** SIGQUIT makes it write the stacks of its threads to descriptor 2, even where Python code cannot run. */
      readonly shows_stacks?: boolean
    }
  /** It leaves, or wants to; what that means is in `src/server/daemon-state.ts`. */
  | { readonly type: 'leaving'; readonly reason: string }
  /** More bytes of it are in RAM than `resident_memory_limit`; said about once a second for as long as that is so. */
  | { readonly type: 'resident_memory'; readonly bytes: number }
  /** It has just had the interpreter's lock. */
  | { readonly type: 'alive' }
  /** One of its interpreters, with a GIL of its own, has not had it for `deadlock_timeout`. */
  | { readonly type: 'deadlock'; readonly application_group: string }
  /** Embedded only: everything has ended, and the worker may leave by `exitNow`. */
  | { readonly type: 'stopped'; readonly forced: boolean }
  /** Of a process that others are forked from: it takes orders; the oldest order is carried out; a child has ended. */
  | { readonly type: 'zygote_ready' }
  | { readonly type: 'forked'; readonly pid: number }
  | {
      readonly type: 'exited'
      readonly pid: number
      readonly code: number | null
      /** Its number. */
      readonly signal: number | null
    }
  /** An application wants to know what the server is doing. Both numbers go back with the answer. */
  | { readonly type: 'server_metrics'; readonly number: number; readonly asker: number }
  /** A script of {@link RuntimeSettings.imports} failed; why has been logged. Its first request tries again. */
  | { readonly type: 'unloaded'; readonly script: string }
  /** One of these has been loaded by a request. */
  | { readonly type: 'loaded'; readonly script: string }
  | { readonly type: 'log'; readonly level: string; readonly text: string }

/** Lines longer than this end the connection: the process runs other people's code. */
const LINE_MAX = 256 * 1024
/** More than this does not wait for a process that does not read: its connection is closed. */
const UNREAD_MAX_BYTES = 1024 * 1024

export class RuntimeControl {
  readonly #stream: Duplex

  /**
   * @param stream this end of the socket pair
   * @param heard is called for each message; messages of unknown types are dropped
   * @param ended is called once when the process has closed its end
   */
  constructor(stream: Duplex, heard: (message: RuntimeMessage) => void, ended: () => void) {
    this.#stream = stream
    const hear = (line: string) => {
      const message = parse(line)
      if (message !== undefined) heard(message)
    }
    onLines(stream, LINE_MAX, hear, () => stream.destroy())
    stream.on('error', () => {})
    stream.on('close', ended)
  }

  configure(settings: RuntimeSettings): void {
    this.#send({ type: 'configure', ...settings })
  }

  /** Orderly shutdown: what has not begun is rejected, what runs may finish within `shutdown_timeout`. */
  stop(reason: string): void {
    this.#send({ type: 'stop', reason })
  }

  /** Takes nothing new, finishes what runs however long it takes, then exits. */
  retire(reason: string): void {
    this.#send({ type: 'retire', reason })
  }

  /** Writes the Python stacks of all its threads to the log, and goes on. */
  showStacks(): void {
    this.#send({ type: 'stacks' })
  }

  /**
   * Hands over an error log that has been opened anew, for descriptors 1 and 2 (`runtime/_wsgi_httpd/stderr.py`). It stays open here. Of no effect where
   * descriptors cannot be sent, and for a process that does not read.
   */
  renewStderr(fd: number): void {
    const socket = descriptorOf(this.#stream)
    // in the middle of another message it would break that
    if (!CAN_SEND_DESCRIPTORS || socket === undefined || this.#stream.writableLength > 0) return
    try {
      sendDescriptors(socket, Buffer.from('{"type":"stderr"}\n'), [fd])
    } catch {} // it ends, or has not read for long
  }

  /** Answers a question; the type is the question's. @param taken called when the kernel has the answer, or never will */
  answer(answer: { type: string; number: number; asker: number; value: unknown }, taken: () => void): void {
    this.#send(answer, taken)
  }

  /** Closes the connection; the process then exits at once. */
  close(): void {
    this.#stream.destroy()
  }

  #send(message: object, taken?: () => void): void {
    if (this.#stream.writableLength > UNREAD_MAX_BYTES) this.#stream.destroy()
    if (this.#stream.destroyed) taken?.()
    else this.#stream.write(`${JSON.stringify(message)}\n`, taken)
  }
}

function parse(line: string): RuntimeMessage | undefined {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof message !== 'object' || message === null) return undefined
  const { type, level, text, reason, pid, version, number, asker, script, code, signal, bytes } =
    message as Record<string, unknown>
  const group = (message as Record<string, unknown>).application_group
  switch (type) {
    case 'log':
      return typeof level === 'string' && typeof text === 'string' ? (message as RuntimeMessage) : undefined
    case 'ready':
      return typeof pid === 'number' && typeof version === 'string' ? (message as RuntimeMessage) : undefined
    case 'leaving':
      return typeof reason === 'string' ? (message as RuntimeMessage) : undefined
    case 'unloaded':
    case 'loaded':
      return typeof script === 'string' ? (message as RuntimeMessage) : undefined
    case 'forked':
      return isChild(pid) ? (message as RuntimeMessage) : undefined
    case 'exited':
      return isChild(pid) && isNumberOrNull(code) && isNumberOrNull(signal)
        ? (message as RuntimeMessage)
        : undefined
    case 'server_metrics':
      return Number.isInteger(number) && Number.isInteger(asker) ? (message as RuntimeMessage) : undefined
    case 'resident_memory':
      return Number.isSafeInteger(bytes) ? (message as RuntimeMessage) : undefined
    case 'deadlock':
      return typeof group === 'string' ? (message as RuntimeMessage) : undefined
    case 'zygote_ready':
    case 'alive':
    case 'stopped':
      return message as RuntimeMessage
    default:
      return undefined
  }
}

/** Not 0 or less, which would mean groups of processes, nor the first of all. */
function isChild(pid: unknown): boolean {
  return Number.isInteger(pid) && (pid as number) > 1
}

function isNumberOrNull(value: unknown): boolean {
  return value === null || Number.isInteger(value)
}
