/**
 * What the channel costs: node:http answering by itself, against node:http answering through Python, in one run.
 *
 * `node build/bench/channel.js [python] [seconds]` prints requests per second and the CPU time of a request, Node and
 * Python together, as /proc counts it. wrk (64 connections, keep-alive) makes the load and is not counted.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import type { Channel } from '../src/wsgi/channel/channel.js'
import type { Exchange, Place } from '../src/wsgi/channel/types.js'
import { type Daemon, NEWEST, place, startDaemon } from '../test/wsgi/channel/daemon.js'

const run = promisify(execFile)
const python = process.argv[2] ?? NEWEST
const seconds = Number(process.argv[3] ?? 3)
/** Ticks of /proc/PID/stat in a second; 100 on every Linux there is. */
const TICKS = 100

/** CPU seconds that a process has used. */
function cpu(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

interface Result {
  readonly perSecond: number
  readonly micros: number
}

async function measure(server: Server, pids: readonly number[], lasts = seconds): Promise<Result> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const load = (time: number) => run('wrk', ['-t1', '-c64', `-d${time}s`, url])
  await load(1)
  const before = pids.reduce((sum, pid) => sum + cpu(pid), 0)
  const { stdout } = await load(lasts)
  const used = pids.reduce((sum, pid) => sum + cpu(pid), 0) - before
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1])
  if (/Non-2xx|Socket errors/.test(stdout)) console.log(stdout)
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    micros: (used / requests) * 1e6,
  }
}

async function listen(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const NO_BODY = { kind: 'none' } as const

/** The least a gateway can do with a request. */
class Bridge implements Exchange {
  readonly place: Place
  readonly fixed: string
  readonly rawHeaders: readonly string[]
  readonly body = NO_BODY
  readonly startTime = Date.now() / 1000
  readonly #response: ServerResponse

  constructor(where: Place, request: IncomingMessage, response: ServerResponse) {
    this.place = where
    this.#response = response
    this.rawHeaders = request.rawHeaders
    const url = request.url as string
    const socket = request.socket
    this.fixed = [
      request.method as string,
      '',
      url,
      '',
      url,
      'HTTP/1.1',
      'localhost',
      '80',
      '127.0.0.1',
      '127.0.0.1',
      String(socket.remotePort),
      'http',
      'r1',
      'c1',
    ].join('\0')
  }

  answered(status: number, reason: string, headers: string[], body: Buffer): void {
    this.#response.writeHead(status, reason, headers)
    this.#response.end(body.toString('latin1'), 'latin1')
  }
  head(status: number, reason: string, headers: string[]): void {
    this.#response.writeHead(status, reason, headers)
  }
  data(chunk: Buffer): boolean {
    this.#response.write(chunk)
    return true
  }
  end(): void {
    this.#response.end()
  }
  aborted(): void {
    this.#response.destroy()
  }
  failed(reason: string): void {
    this.#response.writeHead(500)
    this.#response.end(reason)
  }
  rejected(reason: string): void {
    this.failed(reason)
  }
  log(_level: string, text: string): void {
    console.error(text)
  }
}

const HELLO = `def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '12')])
    return [b'Hello World!']
`
const SLEEP = `import time
def application(environ, start_response):
    time.sleep(0.05)
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '12')])
    return [b'Hello World!']
`

async function through(
  threads: number,
  source: string,
  work: (daemon: Daemon, server: Server) => Promise<void>,
) {
  const daemon = await startDaemon(python, { threads, multithread: threads > 1 })
  const channel: Channel = await daemon.connect()
  const where = place(daemon.script('app.wsgi', source))
  const server = await listen((request, response) => channel.dispatch(new Bridge(where, request, response)))
  try {
    await work(daemon, server)
  } finally {
    server.closeAllConnections()
    server.close()
    await daemon.stop()
  }
}

function show(name: string, result: Result, base?: Result): void {
  const ratio = base === undefined ? '' : `   ${(result.micros / base.micros).toFixed(2)} x`
  console.log(
    `${name.padEnd(28)}${result.perSecond.toFixed(0).padStart(9)}/s${result.micros.toFixed(1).padStart(9)} µs${ratio}`,
  )
}

const bare = await listen((_request, response) => {
  response.writeHead(200, ['Content-Type', 'text/plain', 'Content-Length', '12'])
  response.end('Hello World!', 'latin1')
})
const base = await measure(bare, [process.pid])
bare.closeAllConnections()
bare.close()
show('node:http alone', base)
for (const threads of [1, 15]) {
  await through(threads, HELLO, async (daemon, server) => {
    show(
      `through Python, ${threads} threads`,
      await measure(server, [process.pid, daemon.child.pid as number]),
      base,
    )
  })
}
await through(15, SLEEP, async (daemon, server) => {
  const result = await measure(server, [process.pid, daemon.child.pid as number])
  show('sleep(50 ms), 15 threads', result)
  console.log(`  ${((result.perSecond / 300) * 100).toFixed(1)} % of the 300/s that are possible`)
})
