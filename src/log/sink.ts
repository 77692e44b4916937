/**
 * Writers of log text. One object per distinct destination, shared by all servers and by error and access logs.
 *
 * Text is gathered for a turn of the event loop (a busy server's for 10 ms), so that one system call takes many lines. Writing never throws and
 * never grows memory without bound: what cannot be written within the bound is dropped and counted. The first loss is told at once, the count when
 * writing works again.
 */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { constants as systemConstants } from 'node:os'
import { errorText, lastError } from '../system/libc.js'
import { sendAtOnce } from '../system/sockets.js'
import type { Level } from './error-log.js'
import { openPipeAnew, standardDescriptor } from './standard-stream.js'

/** Gathered text is written at once when it grows beyond this. */
const FLUSH_CHARACTERS = 32 * 1024
/** Lines that follow others within this time wait as long for company. */
const GATHER_MS = 10
/** How much text waits for a program that does not read, per destination. */
export const BACKLOG_CHARACTERS = 1024 * 1024
/** POSIX guarantees that a write of that size to a pipe stays in one piece beside those of other processes (PIPE_BUF on Linux; 512 elsewhere). */
const PIPE_ATOMIC_BYTES = process.platform === 'linux' ? 4096 : 512
const RETRY_MS = 20
/** How long closing waits for a program that does not read. */
const CLOSE_WAIT_MS = 1000
/** Nothing ever changes it: to sleep on. */
const NEVER = new Int32Array(new SharedArrayBuffer(4))

export interface Sink {
  /** Takes one line, or several, each with its line end. `level` matters to syslog alone. */
  write(text: string, level?: Level): void
  /** Writes what is gathered, as far as the destination takes it without waiting. */
  flush(): void
  close(): void
  /** The destination notes the time by itself. */
  readonly hasClock: boolean
}

/** Told when the first line is lost, without a number, and once writing works again. */
export type DropReport = (dropped: { destination: string; lines?: number; reason: string }) => void

export interface DescriptorOptions {
  readonly fd: number
  /** For messages. */
  readonly name: string
  /** Several processes write to it and the kernel keeps only small writes together: a pipe. */
  readonly isPipe: boolean
  /** A socket that other processes have set to wait, or will. */
  readonly isSocket?: boolean
  /** Whether {@link Sink.close} closes the descriptor. */
  readonly owned: boolean
  readonly onDropped?: DropReport | undefined
}

/** Appends to an open descriptor: a file, a pipe, standard error. */
export class DescriptorSink implements Sink {
  readonly hasClock = false
  readonly #options: DescriptorOptions
  #fd: number
  #pending = ''
  #turn: NodeJS.Immediate | undefined
  #gathering: NodeJS.Timeout | undefined
  /** On `Date.now`'s clock. */
  #flushedAt = 0
  #retry: NodeJS.Timeout | undefined
  #closed = false
  /** The last write ended within a line. */
  #torn = false
  #droppedLines = 0
  #dropReason = ''

  constructor(options: DescriptorOptions) {
    this.#options = options
    this.#fd = options.fd
  }

  get droppedLines(): number {
    return this.#droppedLines
  }

  write(text: string): void {
    if (this.#closed) return
    if (this.#retry !== undefined && this.#pending.length > BACKLOG_CHARACTERS) {
      this.#countDropped(text, 'it does not read fast enough')
      return
    }
    this.#pending += text
    if (this.#retry !== undefined) return
    if (this.#pending.length > FLUSH_CHARACTERS) this.flush()
    else if (this.#turn === undefined && this.#gathering === undefined) this.#schedule()
  }

  flush(): void {
    if (this.#turn !== undefined) clearImmediate(this.#turn)
    clearTimeout(this.#gathering)
    this.#turn = this.#gathering = undefined
    // nothing to write says nothing about whether writing works again
    if (this.#closed || this.#pending === '') return
    try {
      while (this.#pending !== '') this.#writeSome()
      this.#clearRetry()
      this.#tellDropped()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // A program that is slow or being restarted: its pipe is full. Keep the lines and try again.
      if (code === 'EAGAIN') this.#retry ??= setTimeout(this.#onRetry, RETRY_MS).unref()
      else {
        this.#countDropped(this.#pending, (error as Error).message)
        // What was cut in the middle must not become the beginning of a later line.
        this.#pending = ''
        if (this.#torn) this.#pending = '\n'
      }
    }
  }

  /** What has gathered, and whatever is written from now on, goes to another file, whose descriptor is this sink's from now on; that of the old one is closed. */
  goOnIn(fd: number): void {
    if (this.#closed) {
      closeSync(fd)
      return
    }
    if (this.#options.owned) closeSync(this.#fd)
    this.#fd = fd
    // the end of a line that begins in the old file
    if (this.#torn && this.#pending.startsWith('\n')) this.#pending = this.#pending.slice(1)
    this.#torn = false
  }

  close(): void {
    if (this.#closed) return
    this.flush()
    // The last lines are worth a wait, since nobody waits for this process any more.
    for (let waited = 0; this.#retry !== undefined && waited < CLOSE_WAIT_MS; waited += RETRY_MS) {
      Atomics.wait(NEVER, 0, 0, RETRY_MS)
      this.flush()
    }
    this.#closed = true
    if (this.#retry !== undefined) this.#countDropped(this.#pending, 'it does not read fast enough')
    this.#clearRetry()
    // Nobody will write here again. The log that is told may be another one.
    this.#tellDropped()
    if (this.#options.owned) closeSync(this.#fd)
  }

  /** At the end of this turn of the event loop; a busy server's lines wait a moment longer and share a system call. */
  #schedule(): void {
    const now = Date.now()
    const since = now - this.#flushedAt
    this.#flushedAt = now
    if (since >= 0 && since < GATHER_MS) this.#gathering = setTimeout(this.#onTurn, GATHER_MS)
    else this.#turn = setImmediate(this.#onTurn)
  }

  readonly #onTurn = (): void => {
    this.flush()
  }

  readonly #onRetry = (): void => {
    this.#retry = undefined
    this.flush()
  }

  /** One system call. Takes away from the pending text what was written; throws what the call throws. */
  #writeSome(): void {
    const { isPipe, isSocket } = this.#options
    const fd = this.#fd
    const size = isPipe ? wholeLines(this.#pending, PIPE_ATOMIC_BYTES) : this.#pending.length
    const chunk = size === this.#pending.length ? this.#pending : this.#pending.slice(0, size)
    const written = isSocket ? sendNow(fd, chunk) : writeSync(fd, chunk, null, 'latin1')
    this.#torn = written > 0 && this.#pending[written - 1] !== '\n'
    this.#pending = written === this.#pending.length ? '' : this.#pending.slice(written)
  }

  #countDropped(text: string, reason: string): void {
    const isFirst = this.#droppedLines === 0 && !this.#closed
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#droppedLines++
    this.#dropReason = reason
    if (isFirst) this.#options.onDropped?.({ destination: this.#options.name, reason })
  }

  #tellDropped(): void {
    if (this.#droppedLines === 0) return
    const lines = this.#droppedLines
    this.#droppedLines = 0
    this.#options.onDropped?.({ destination: this.#options.name, lines, reason: this.#dropReason })
  }

  #clearRetry(): void {
    clearTimeout(this.#retry)
    this.#retry = undefined
  }
}

/** The longest run of whole lines within `limit`; a single longer line is taken whole. */
function wholeLines(text: string, limit: number): number {
  if (text.length <= limit) return text.length
  const fits = text.lastIndexOf('\n', limit - 1)
  if (fits >= 0) return fits + 1
  const end = text.indexOf('\n')
  return end < 0 ? text.length : end + 1
}

/**
 * Opens a file for appending, creating it (mode 0666 under the umask, as httpd does).
 * @throws what `openSync` throws
 */
export function openFileSink(path: string, onDropped: DropReport): Sink {
  const standard = standardDescriptor(path)
  if (standard !== undefined) {
    const own = openPipeAnew(standard, false)
    const isSocket = own === undefined && isOpenSocket(standard)
    return new DescriptorSink({
      fd: own ?? standard,
      name: path,
      isPipe: true,
      isSocket,
      owned: own !== undefined,
      onDropped,
    })
  }
  const fd = openSync(Buffer.from(path, 'latin1'), 'a')
  return new DescriptorSink({ fd, name: path, isPipe: false, owned: true, onDropped })
}

/** Service managers give sockets as standard streams, and those cannot be opened anew. */
function isOpenSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket()
  } catch {
    return false
  }
}

/** Like `writeSync` on a socket that does not wait, whatever this one is set to do. */
function sendNow(fd: number, text: string): number {
  const sent = sendAtOnce(fd, Buffer.from(text, 'latin1'), null)
  if (sent >= 0) return sent
  const errno = lastError()
  const code = errno === systemConstants.errno.EAGAIN ? 'EAGAIN' : undefined
  throw Object.assign(new Error(errorText(errno)), { code })
}
