/**
 * Starts and ends the servers that are compared, and tells what they use while they run. A server that hangs, dies or leaves processes
 * behind costs its turn, not the benchmark: every wait has an end, and what is left of it is killed by id.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { once } from './load.js'
import { cpuMicroseconds, family, killRemaining, memoryKiB } from './process-tree.js'
import type { Bench, Surroundings } from './servers.js'

/** How often a server that starts is asked. */
const ASK_MS = 4
const STOP_MAX_MS = 5000
/** A connection that breaks is seen before the end of its process. */
const END_SEEN_MS = 300
/** Of a server's output, where it is shown. */
const OUTPUT_MAX = 2000

const alive = new Set<Running>()

/** For an end before its time: servers have sessions of their own, and would stay. */
export async function stopAll(): Promise<void> {
  await Promise.all([...alive].map((one) => one.stop()))
}

export class Running {
  /** From the command to the end of the first response. */
  startMs = Number.NaN
  /** What the server's row should say beside its figures. */
  readonly remarks = new Set<string>()
  #stopping = false

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
    readonly tlsPort: number,
    private readonly outputFile: string,
    /** Seconds that one answer may take. */
    readonly patience: number,
  ) {
    child.once('error', () => {})
    alive.add(this)
  }

  /** @throws with a phrase for the server's row when it does not answer; the error's cause is what it has printed */
  static async start(server: Bench, surroundings: Surroundings): Promise<Running> {
    const dir = mkdtempSync(join(surroundings.base, 'run-'))
    chmodSync(dir, 0o755)
    const [port, tlsPort] = [await freePort(), await freePort()]
    const [command, ...args] = server.command({ ...surroundings, port, tlsPort, dir })
    const output = join(dir, 'output')
    const log = openSync(output, 'a')
    const began = performance.now()
    const child = spawn(command as string, args, { stdio: ['ignore', log, log], detached: true, cwd: dir })
    closeSync(log)
    const running = new Running(child, port, tlsPort, output, surroundings.patience)
    try {
      await running.#firstAnswer()
    } catch (error) {
      const trouble = await running.trouble(error as Error)
      await running.stop()
      throw trouble
    }
    running.startMs = performance.now() - began
    return running
  }

  async #firstAnswer(): Promise<void> {
    for (const until = performance.now() + this.patience * 1000; this.ended === undefined; ) {
      const left = (until - performance.now()) / 1000
      if (left <= 0) throw new Error(`did not answer within ${this.patience} s of its start`)
      const text = await once(this.port, '/', { patience: left }).catch(() => '')
      if (/^HTTP\/1\.[01] 200/.test(text) && text.endsWith('Hello, world!\n')) return
      await delay(ASK_MS)
    }
    throw new Error(this.ended)
  }

  url(path = '/'): string {
    return `http://127.0.0.1:${this.port}${path}`
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** How it ended, if it has, by itself. */
  get ended(): string | undefined {
    const { exitCode, signalCode, pid } = this.child
    if (pid === undefined) return 'could not be started'
    if (this.#stopping) return undefined
    if (signalCode !== null) return `ended by ${signalCode}`
    return exitCode === null ? undefined : `ended with status ${exitCode}`
  }

  /** @returns the error as the server's row is to show it: its end explains all others */
  async trouble(error: Error): Promise<Error> {
    if (this.ended === undefined)
      await within(END_SEEN_MS, new Promise((seen) => this.child.once('exit', seen)))
    return new Error(this.ended ?? error.message, {
      cause: readFileSync(this.outputFile, 'utf8').slice(-OUTPUT_MAX),
    })
  }

  /** Proportional share of memory of all its processes, in KiB. */
  memory(): number {
    return memoryKiB(this.pid)
  }

  /** CPU microseconds of all its processes during something, and the most memory seen meanwhile. */
  async cost<T>(work: () => Promise<T>): Promise<{ result: T; microseconds: number; peakKiB: number }> {
    let peakKiB = this.memory()
    const timer = setInterval(() => {
      peakKiB = Math.max(peakKiB, this.memory())
    }, 200)
    const before = cpuMicroseconds(this.pid)
    try {
      const result = await work()
      return { result, microseconds: cpuMicroseconds(this.pid) - before, peakKiB }
    } finally {
      clearInterval(timer)
    }
  }

  /** A part that the rest of its turn can do without. @returns nothing where it failed: the row says so @throws when the server is gone */
  async attempt<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (given) {
      const error = await this.trouble(given as Error)
      if (this.ended !== undefined || this.#stopping) throw error
      this.remarks.add(`${what}: ${error.message}`)
      return undefined
    }
  }

  /** Ends it and everything that descends from it. */
  async stop(): Promise<void> {
    const { child } = this
    this.#stopping = true
    alive.delete(this)
    if (child.pid === undefined) return
    const all = family(child.pid)
    if (child.exitCode === null && child.signalCode === null) {
      const exit = new Promise<void>((gone) => child.once('exit', () => gone()))
      child.kill('SIGTERM')
      if (!(await within(STOP_MAX_MS, exit))) child.kill('SIGKILL')
      await within(STOP_MAX_MS, exit)
    }
    killRemaining([...all, ...family(child.pid)])
  }
}

/** @returns whether it came to its end in time */
export async function within(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  const over = new AbortController()
  const late = delay(milliseconds, false, { signal: over.signal }).catch(() => false)
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    over.abort()
  }
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => done(port))
    })
  })
}
