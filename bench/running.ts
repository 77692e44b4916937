/**
 * Starts and ends the servers that are compared, and tells what they use while they run.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { once } from './load.js'
import { cpuMicroseconds, memoryKiB } from './process-tree.js'
import type { Bench, Surroundings } from './servers.js'

const START_MAX_MS = 15_000
/** How often a server that starts is asked. */
const ASK_MS = 4
const STOP_MAX_MS = 5000

export class Running {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
    readonly tlsPort: number,
    /** From the command to the end of the first response. */
    readonly startMs: number,
  ) {}

  /** @throws with the server's output when it does not answer */
  static async start(server: Bench, surroundings: Surroundings): Promise<Running> {
    const dir = mkdtempSync(join(surroundings.base, 'run-'))
    chmodSync(dir, 0o755)
    const [port, tlsPort] = [await freePort(), await freePort()]
    const [command, ...args] = server.command({ ...surroundings, port, tlsPort, dir })
    const output = join(dir, 'output')
    const log = openSync(output, 'a')
    const began = performance.now()
    const child = spawn(command as string, args, { stdio: ['ignore', log, log], detached: true, cwd: dir })
    child.once('error', () => {})
    try {
      await firstAnswer(port, child)
    } catch (error) {
      await end(child)
      throw new Error(`${server.name}: ${(error as Error).message}\n${readFileSync(output, 'utf8')}`)
    }
    return new Running(child, port, tlsPort, performance.now() - began)
  }

  url(path = '/'): string {
    return `http://127.0.0.1:${this.port}${path}`
  }

  get pid(): number {
    return this.child.pid as number
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

  stop(): Promise<void> {
    return end(this.child)
  }
}

async function firstAnswer(port: number, child: ChildProcess): Promise<void> {
  for (const until = Date.now() + START_MAX_MS; Date.now() < until; ) {
    if (child.exitCode !== null) throw new Error(`ended with status ${child.exitCode}`)
    const text = await once(port, '/').catch(() => '')
    if (/^HTTP\/1\.[01] 200/.test(text) && text.endsWith('Hello, world!\n')) return
    await new Promise((wake) => setTimeout(wake, ASK_MS))
  }
  throw new Error(`did not answer within ${START_MAX_MS / 1000} s`)
}

/** Ends a server and everything in its process group. */
function end(child: ChildProcess): Promise<void> {
  return new Promise((gone) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return gone()
    const { pid } = child
    const kill = () => {
      try {
        process.kill(-pid, 'SIGKILL')
      } catch {} // nothing is left
    }
    const timer = setTimeout(kill, STOP_MAX_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      kill()
      gone()
    })
    process.kill(pid, 'SIGTERM')
  })
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => done(port))
    })
  })
}
