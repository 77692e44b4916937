/**
 * Piped logs: programs that read log lines from standard input (`rotatelogs`, `cronolog`, `logger`). The supervisor runs them with its own rights, and
 * hands the writing end of each program's pipe to every process that logs.
 * https://httpd.apache.org/docs/2.4/logs.html#piped
 *
 * The pipe is made here and outlives the program: the supervisor keeps both ends, so when a program dies its successor reads on where it stopped,
 * and the server workers notice nothing. Writing never waits: the writing end is non-blocking, and `DescriptorSink` keeps what a full pipe refuses.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { textOf } from '../config/text.js'
import { splitWords } from '../config/words.js'
import {
  describeSystemError,
  errorText,
  lastError,
  native,
  setCloseOnExec,
  setWaiting,
} from '../system/libc.js'
import { MAX_LINE_BYTES } from './error-format.js'
import type { Level } from './error-log.js'

/** What is to be said about a program, or what it said on standard error; for the main error log. */
export type PipedReport = (record: { level: Level; message: string; code?: string; pid?: number }) => void

export interface PipedProgramOptions {
  /** What stands behind `|` or `||`; with `$` in front it is for `/bin/sh -c`. */
  readonly command: string
  readonly report: PipedReport
  /** For the program that writes the main error log, which cannot complain to itself: takes each line, bytes as characters. @default `report` */
  readonly complain?: ((line: string) => void) | undefined
  /** @default {@link RESTART} */
  readonly restart?: { readonly firstMs: number; readonly maxMs: number; readonly steadyMs: number }
}

export interface PipedProgram {
  readonly command: string
  /** The writing end; valid until {@link stop}. Not inherited by other programs unless passed to them. */
  readonly fd: number
  /** Undefined while it waits to be restarted. */
  readonly pid: number | undefined
  /**
   * Closes the pipe. The program ends when it has read all and the last process with the writing end is gone.
   * @param graceMs after which it is asked to end by SIGTERM, and two seconds later killed; @default 10000; Infinity: never
   * @returns when it is gone
   */
  stop(graceMs?: number): Promise<void>
}

/** A program that dies at once is started again after 0.1 s, 0.2 s, … up to 30 s; one that ran for 5 s, at once. */
export const RESTART = { firstMs: 100, maxMs: 30_000, steadyMs: 5000 }
const STOP_GRACE_MS = 10_000
const KILL_GRACE_MS = 2000

/** @throws Error where the program cannot be started the first time */
export async function startPipedProgram(options: PipedProgramOptions): Promise<PipedProgram> {
  const program = new RunningProgram(options)
  await program.start()
  return program
}

class RunningProgram implements PipedProgram {
  readonly command: string
  readonly fd: number
  readonly #readFd: number
  readonly #options: PipedProgramOptions
  readonly #stopping = new AbortController()
  #child: ChildProcess | undefined
  /** Settles when there is no program and will be none. */
  #life: Promise<void> = Promise.resolve()

  constructor(options: PipedProgramOptions) {
    this.#options = options
    this.command = options.command
    const { readFd, writeFd } = openPipe()
    this.#readFd = readFd
    this.fd = writeFd
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  async start(): Promise<void> {
    let child: ChildProcess
    try {
      child = await this.#spawn()
    } catch (error) {
      this.#closePipe()
      throw new Error(`AH00104: ${cannotStart(this.command, error as Error)}`, { cause: error })
    }
    this.#life = this.#watch(child)
  }

  async stop(graceMs = STOP_GRACE_MS): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#stopping.abort()
      this.#closePipe()
    }
    const over = new AbortController()
    const { signal } = over
    const insist = async () => {
      await delay(graceMs, undefined, { signal })
      this.#child?.kill('SIGTERM')
      await delay(KILL_GRACE_MS, undefined, { signal })
      this.#child?.kill('SIGKILL')
    }
    if (Number.isFinite(graceMs)) insist().catch(() => {})
    await this.#life
    over.abort()
  }

  /** Starts it again and again until told to stop. */
  async #watch(first: ChildProcess): Promise<void> {
    const { restart = RESTART, report } = this.#options
    const { signal } = this.#stopping
    let child: ChildProcess | undefined = first
    let wait = restart.firstMs
    for (;;) {
      const since = performance.now()
      if (child !== undefined) {
        const cause = await ended(child)
        this.#child = undefined
        if (signal.aborted) return
        report({
          level: 'error',
          code: 'AH00106',
          message: `piped log program '${this.command}' failed unexpectedly (${cause})`,
        })
      }
      const steady = performance.now() - since >= restart.steadyMs
      if (steady) wait = restart.firstMs
      else {
        await delay(wait, undefined, { signal }).catch(() => {})
        wait = Math.min(wait * 2, restart.maxMs)
      }
      if (signal.aborted) return
      try {
        child = await this.#spawn()
      } catch (error) {
        child = undefined
        report({
          level: 'error',
          code: 'AH00104',
          message: cannotStart(this.command, error as Error),
        })
      }
    }
  }

  async #spawn(): Promise<ChildProcess> {
    const { report, complain } = this.#options
    // Node takes text; file names are to be those that the configuration means.
    const command = textOf(this.#options.command)
    const [file, ...args] = command.startsWith('$')
      ? ['/bin/sh', '-c', command.slice(1)]
      : splitWords(command)
    // Its own session: the terminal's Ctrl-C stops the server, which then lets its log programs read to the end. Never our own standard error: whoever
    // started the server may wait for all that hold it, and later it is the pipe that the program reads.
    const child = spawn(file as string, args, { stdio: [this.#readFd, 'inherit', 'pipe'], detached: true })
    if (child.stderr !== null) {
      const { pid } = child
      const lines = createInterface({ input: child.stderr.setEncoding('latin1') })
      const tell = (line: string) =>
        report({
          level: 'error',
          message: line.slice(0, MAX_LINE_BYTES),
          ...(pid !== undefined && { pid }),
        })
      lines.on('line', complain ?? tell)
    }
    await once(child, 'spawn')
    this.#child = child
    return child
  }

  #closePipe(): void {
    closeSync(this.fd)
    closeSync(this.#readFd)
  }
}

function cannotStart(command: string, error: NodeJS.ErrnoException): string {
  const reason = error.errno === undefined ? error.message : describeSystemError(error)
  return `unable to start piped log program '${command}': ${reason}`
}

async function ended(child: ChildProcess): Promise<string> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.signalCode ?? `exit status ${child.exitCode}`
}

/** Fills the two descriptors: read end, write end. */
const pipe = native<[fds: number[]]>('int pipe(_Out_ int *fds)')

/** Both ends are closed in programs started later, unless passed on; the writing end does not block. */
function openPipe(): { readFd: number; writeFd: number } {
  const fds = [-1, -1]
  if (pipe(fds) < 0) throw new Error(`no pipe for a piped log: ${errorText(lastError())}`)
  const [readFd, writeFd] = fds as [number, number]
  for (const fd of fds) setCloseOnExec(fd, true)
  setWaiting(writeFd, false)
  return { readFd, writeFd }
}
