/**
 * Compares hello world between this server, `node:http` and the peers that are installed: requests per second and CPU time per request over
 * all processes of each server. Servers take turns in each round, and `node:http` runs just before and just after each of them, since the
 * speed of a shared machine can double or halve from one minute to the next; medians and ranges are printed.
 *
 * Usage: npm run bench -- [--rounds N] [--seconds N] [--connections N] [--only TEXT] [--write]
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { cpuMicroseconds } from './process-tree.js'
import { type Bench, missing, SERVERS } from './servers.js'

const APPLICATION = `
def application(environ, start_response):
    body = b'Hello, world!\\n'
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]
`

interface Round {
  readonly requestsPerSecond: number
  readonly microseconds: number
  /** CPU time in relation to that of `node:http` around the same time. */
  readonly ratio: number
}

/** Seconds of load for one look at the yardstick. */
const YARDSTICK_SECONDS = 2
/** Seconds of load before anything is measured: compilers and allocators take that long to settle. */
const WARM_UP_SECONDS = 6

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  if (spawnSync('wrk', ['-v']).error) throw new Error('wrk is not installed: on Debian, apt-get install wrk')
  const base = mkdtempSync(join(tmpdir(), 'wsgi-httpd-bench-'))
  chmodSync(base, 0o755)
  const app = join(base, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'hello.py'), APPLICATION)
  const results = new Map<string, Round[]>()
  const out: string[] = []
  const chosen = SERVERS.filter(
    (server) => server.name.includes(options.only) || server.name.startsWith('node:http'),
  )
  for (const server of chosen) {
    const absent = missing(server)
    if (absent) process.stderr.write(`left out: ${server.name} (${absent} is not there)\n`)
    else results.set(server.name, [])
  }
  const yardstick = new Yardstick(base, app)
  try {
    await yardstick.start()
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const server of chosen) {
        const rounds = results.get(server.name)
        if (!rounds) continue
        const measured = await measure(server, base, app, yardstick)
        rounds.push(measured)
        process.stderr.write(
          `${server.name}: ${Math.round(measured.requestsPerSecond)}/s, ${measured.microseconds.toFixed(1)} µs, ${measured.ratio.toFixed(2)} × node:http\n`,
        )
      }
    }
  } finally {
    await yardstick.stop()
    rmSync(base, { recursive: true, force: true })
  }
  out.push(...report(results))
  process.stdout.write(`${out.join('\n')}\n`)
  if (options.write)
    writeFileSync(resolve(import.meta.dirname, '../../bench/RESULTS.md'), `${out.join('\n')}\n`)
}

interface Running {
  readonly child: ChildProcess
  readonly url: string
}

async function launch(server: Bench, base: string, app: string): Promise<Running> {
  const dir = mkdtempSync(join(base, 'run-'))
  chmodSync(dir, 0o755)
  const port = await freePort()
  const [command, ...args] = server.command({ port, dir, app })
  const log = openSync(join(dir, 'output'), 'a')
  const child = spawn(command as string, args, { stdio: ['ignore', log, log], detached: true, cwd: dir })
  const url = `http://127.0.0.1:${port}/`
  try {
    await firstAnswer(url, child, server.name)
  } catch (error) {
    await end(child)
    throw new Error(`${(error as Error).message}\n${readFileSync(join(dir, 'output'), 'utf8')}`)
  }
  return { child, url }
}

/** `node:http` answering by itself, up all the time, so that it can be looked at around each measurement. */
class Yardstick {
  #running: Running | undefined

  constructor(
    private readonly base: string,
    private readonly app: string,
  ) {}

  async start(): Promise<void> {
    const server = SERVERS.find(({ name }) => name.startsWith('node:http')) as Bench
    this.#running = await launch(server, this.base, this.app)
    await wrk(this.#running.url, WARM_UP_SECONDS)
  }

  /** CPU microseconds per request, now. */
  async look(): Promise<number> {
    const { child, url } = this.#running as Running
    return (await load(child, url, YARDSTICK_SECONDS)).microseconds
  }

  async stop(): Promise<void> {
    if (this.#running !== undefined) await end(this.#running.child)
  }
}

async function measure(server: Bench, base: string, app: string, yardstick: Yardstick): Promise<Round> {
  const { child, url } = await launch(server, base, app)
  try {
    await wrk(url, WARM_UP_SECONDS)
    const before = await yardstick.look()
    const measured = await load(child, url, Number(options.seconds))
    const after = await yardstick.look()
    return { ...measured, ratio: (2 * measured.microseconds) / (before + after) }
  } finally {
    await end(child)
  }
}

async function load(child: ChildProcess, url: string, lasts: number): Promise<Omit<Round, 'ratio'>> {
  const before = cpuMicroseconds(child.pid as number)
  const { requests, seconds } = await wrk(url, lasts)
  const used = cpuMicroseconds(child.pid as number) - before
  return { requestsPerSecond: requests / seconds, microseconds: used / requests }
}

async function firstAnswer(url: string, child: ChildProcess, name: string): Promise<void> {
  for (const until = Date.now() + 15_000; Date.now() < until; ) {
    if (child.exitCode !== null) throw new Error(`${name} ended with status ${child.exitCode}`)
    try {
      const response = await fetch(url)
      const text = await response.text()
      if (response.status === 200 && text.startsWith('Hello, world!')) return
    } catch {}
    await new Promise((wake) => setTimeout(wake, 30))
  }
  throw new Error(`${name} did not answer within 15 s`)
}

function wrk(url: string, seconds: number): Promise<{ requests: number; seconds: number }> {
  return new Promise((done, failed) => {
    const child = spawn('wrk', ['-t1', `-c${options.connections}`, `-d${seconds}s`, url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    child.on('close', () => {
      const found = /(\d+) requests in ([\d.]+)(m?s)/.exec(text)
      const errors = /Non-2xx or 3xx responses: \d+/.exec(text)
      if (!found || errors) failed(new Error(`wrk: ${errors?.[0] ?? text}`))
      else done({ requests: Number(found[1]), seconds: Number(found[2]) * (found[3] === 'ms' ? 1e-3 : 1) })
    })
  })
}

/** Ends a server and everything in its process group. */
function end(child: ChildProcess): Promise<void> {
  return new Promise((gone) => {
    if (child.exitCode !== null || child.pid === undefined) return gone()
    child.once('exit', () => gone())
    const group = -child.pid
    process.kill(child.pid, 'SIGTERM')
    setTimeout(() => {
      try {
        process.kill(group, 'SIGKILL')
      } catch {}
    }, 5000).unref()
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

function report(results: ReadonlyMap<string, readonly Round[]>): string[] {
  const rows = [...results]
    .filter(([, rounds]) => rounds.length > 0)
    .map(([name, rounds]) => {
      const speed = rounds.map((round) => round.requestsPerSecond)
      const cost = rounds.map((round) => round.microseconds)
      const ratio = rounds.map((round) => round.ratio)
      return `| ${name} | ${Math.round(median(speed))} | ${Math.round(Math.min(...speed))}–${Math.round(Math.max(...speed))} | ${median(cost).toFixed(1)} | ${Math.min(...cost).toFixed(1)}–${Math.max(...cost).toFixed(1)} | ${median(ratio).toFixed(2)} | ${Math.min(...ratio).toFixed(2)}–${Math.max(...ratio).toFixed(2)} |`
    })
  return [
    '# Hello world, side by side',
    '',
    `${new Date().toISOString().slice(0, 10)}; ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}; Node ${process.version}; ` +
      `wrk -t1 -c${options.connections}, ${options.rounds} rounds of ${options.seconds} s, servers taking turns, node:http just before and after each; on the loopback interface, wrk on the same cores.`,
    'CPU is user and system time of all processes of a server, divided by the requests it answered. Figures of different runs cannot be compared: the machine is shared. Made by `npm run bench -- --write`.',
    '',
    '| server | requests/s | range | CPU µs/request | range | × node:http | range |',
    '|---|---:|---:|---:|---:|---:|---:|',
    ...rows,
  ]
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

await main()
