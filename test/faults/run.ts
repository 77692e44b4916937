/**
 * The fault run: mixed load on a real server while its daemon processes are killed, stopped, told to leave, their scripts touched, its workers killed and
 * the server restarted gracefully, at random from a seed. The application keeps a ledger of what it began, so that in the end every request can be accounted
 * for: a failed one must have been executing in a process that was killed or stopped, or on a connection of a worker that was, and none may have run twice.
 */
import { copyFileSync, readdirSync, readFileSync, utimesSync } from 'node:fs'
import { Agent, request } from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

export interface FaultOptions {
  readonly seconds: number
  readonly seed: number
  /** Told of each fault as it happens. */
  readonly log?: (text: string) => void
  /** Where the server's error log is copied in the end. */
  readonly errorLog?: string | undefined
}

export interface FaultReport {
  readonly requests: number
  readonly failed: number
  readonly faults: Readonly<Record<string, number>>
  /** What must not be: lost or repeated requests, things left over. */
  readonly wrong: readonly string[]
  readonly counts: Readonly<Record<string, number>>
}

/** Writes `B id pid` before it does anything. The query names the id and what is to be done. */
const APPLICATION = `
import os, time
ledger = os.open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'ledger'), os.O_WRONLY | os.O_APPEND)

def application(environ, start_response):
    number, what = environ['QUERY_STRING'].split('&')
    os.write(ledger, ('B %s %d\\n' % (number, os.getpid())).encode('ascii'))
    body = ('done %s\\n' % number).encode('ascii')
    if what == 'sleep':
        time.sleep(0.1)
    elif what == 'body':
        size = 0
        while True:
            block = environ['wsgi.input'].read(65536)
            if not block:
                break
            size += len(block)
        body = ('%d %s\\n' % (size, number)).encode('ascii')
    if what == 'stream':
        start_response('200 OK', [('Content-Type', 'text/plain')])
        def generate():
            for _ in range(20):
                yield b'x' * 5000
                time.sleep(0.005)
            yield body
        return generate()
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]
`

/** The worker relays the one; the interpreter reads the other from the client's connection itself. */
const BODIES = [Buffer.alloc(200_000, 'b'), Buffer.alloc(2_000_000, 'b')] as const
const CLIENTS = 8
const CLIENT_TIMEOUT_MS = 90_000
/** So soon after a worker has been killed the connections that break are taken for its own. */
const WORKER_GONE_MS = 2000
/** What a client is told of a connection that breaks. */
const BROKEN = new Set(['ECONNRESET', 'EPIPE'])
/** Processes of all groups together. */
const PROCESSES = 3
const MEMORY_GROWTH_MAX_KB = 100_000
const DESCRIPTORS_GROWTH_MAX = 4
/** A channel opens up to two more connections for each thread when large bodies first need them. */
const LANES = 2 * (2 * 3 + 3)

const configuration = (threads: number) => `KeepAliveTimeout 2
Timeout 80
WSGIDaemonProcess one processes=2 threads=3 deadlock-timeout=2 shutdown-timeout=3 connect-timeout=80
WSGIDaemonProcess two threads=${threads} deadlock-timeout=2 shutdown-timeout=3 connect-timeout=80
WSGIScriptAlias /one "\${ROOT}/apps/one.wsgi" process-group=one application-group=%{GLOBAL}
WSGIScriptAlias /two "\${ROOT}/apps/two.wsgi" process-group=two application-group=named`

/** Runs for that long on the newest Python; never throws for what it finds. */
export async function faultRun(options: FaultOptions): Promise<FaultReport> {
  let report: FaultReport | undefined
  await withServer(
    {
      conf: configuration(2),
      apps: { 'one.wsgi': APPLICATION, 'two.wsgi': APPLICATION, ledger: '' },
      prepare: async ({ root }) => {
        const { chmodSync } = await import('node:fs')
        chmodSync(path.join(root, 'apps/ledger'), 0o666)
      },
    },
    async (server) => {
      try {
        report = await new FaultRun(server, options).run()
      } finally {
        if (options.errorLog !== undefined)
          copyFileSync(path.join(server.root, 'error.log'), options.errorLog)
      }
    },
  )
  return report as FaultReport
}

class FaultRun {
  readonly #random: () => number
  readonly #agent = new Agent({ keepAlive: true })
  readonly #failures = new Map<number, string>()
  readonly #faults: Record<string, number> = {}
  /** Processes whose requests may be lost: killed, or stopped for long enough to be taken for dead. */
  readonly #victims = new Set<number>()
  #requests = 0
  /** Requests that ended with a worker's connection. */
  #cut = 0
  #workerKilled = Number.NEGATIVE_INFINITY
  #threads = 2
  #going = true

  constructor(
    private readonly server: TestServer,
    private readonly options: FaultOptions,
  ) {
    this.#random = randomFrom(options.seed)
  }

  async run(): Promise<FaultReport> {
    await this.#settled()
    const before = this.#resources()
    const clients = Array.from({ length: CLIENTS }, (_, index) => this.#client(index))
    const end = performance.now() + this.options.seconds * 1000
    while (performance.now() < end) {
      // Now in quick succession, now with time enough for processes to come up and be well.
      await sleep(this.#random() < 0.3 ? 50 : 500 + this.#random() * 3000)
      await this.#fault()
    }
    this.#going = false
    await Promise.all(clients)
    this.#agent.destroy()
    const late = await this.#settled(before.processes).then(
      () => [],
      (error: Error) => [error.message],
    )
    const after = this.#resources()
    return {
      requests: this.#requests,
      failed: this.#failures.size + this.#cut,
      faults: this.#faults,
      wrong: [...this.#account(), ...late, ...leftOver(before, after)],
      counts: after,
    }
  }

  async #client(index: number): Promise<void> {
    const random = randomFrom(this.options.seed + index + 1)
    while (this.#going) {
      const number = ++this.#requests
      const group = random() < 0.6 ? 'one' : 'two'
      const what = ['plain', 'plain', 'sleep', 'body', 'stream'][Math.floor(random() * 5)] as string
      const wrong = await this.#ask(`/${group}?${number}&${what}`, number, what, random() < 0.7)
      if (wrong !== undefined) this.#failures.set(number, `${what} to ${group}: ${wrong}`)
      await sleep(random() * 40)
    }
  }

  /** What was wrong with the answer, or undefined. Nothing that a server may have seen is tried again. */
  #ask(place: string, number: number, what: string, kept: boolean): Promise<string | undefined> {
    const body = what === 'body' ? (BODIES[number & 1] as Buffer) : undefined
    return new Promise((resolve) => {
      const outgoing = request({
        host: '127.0.0.1',
        port: this.server.port,
        path: place,
        method: body ? 'POST' : 'GET',
        agent: kept ? this.#agent : false,
        headers: body ? { 'Content-Length': body.length } : {},
      })
      outgoing.setTimeout(CLIENT_TIMEOUT_MS, () => outgoing.destroy(new Error('no answer in time')))
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        // A kept connection that the server closes for its age just as this request sets out: every client tries again.
        if (this.#isCut(error)) resolve(undefined)
        else if (outgoing.reusedSocket && error.code === 'ECONNRESET')
          this.#ask(place, number, what, false).then(resolve)
        else resolve(error.message)
      })
      outgoing.once('response', (incoming) => {
        let text = ''
        incoming.setEncoding('latin1')
        incoming.on('data', (part) => (text += part))
        incoming.once('error', (error) => resolve(this.#isCut(error) ? undefined : `cut: ${error.message}`))
        incoming.once('end', () => {
          const expected = `${body ? body.length : 'done'} ${number}\n`
          if (incoming.statusCode !== 200) resolve(`status ${incoming.statusCode}`)
          else resolve(text.endsWith(expected) ? undefined : `answered ${text.slice(-40)}`)
        })
      })
      outgoing.end(body)
    })
  }

  /** Whether a connection that has just broken was a killed worker's. */
  #isCut({ code }: NodeJS.ErrnoException): boolean {
    if (!BROKEN.has(code ?? '') || performance.now() - this.#workerKilled > WORKER_GONE_MS) return false
    this.#cut++
    return true
  }

  async #fault(): Promise<void> {
    const pid = this.#victim()
    const script = path.join(this.server.root, 'apps', this.#random() < 0.5 ? 'one.wsgi' : 'two.wsgi')
    const kinds: Record<string, () => void | Promise<void>> = {
      kill: () => this.#signal(pid, 'SIGKILL', true),
      crash: () => this.#signal(pid, 'SIGSEGV', true),
      stop: () => this.#signal(this.#pick(this.#ready()), 'SIGSTOP', true),
      pause: async () => {
        // shorter than the deadlock timer, if the machine lets us; a victim all the same
        const paused = this.#pick(this.#ready())
        this.#signal(paused, 'SIGSTOP', true)
        await sleep(300)
        this.#signal(paused, 'SIGCONT', false)
      },
      terminate: () => this.#signal(pid, 'SIGTERM', false),
      evict: () => this.#signal(pid, 'SIGUSR1', false),
      touch: () => utimesSync(script, new Date(), new Date(Date.now() + this.#random() * 1e6)),
      worker: () => {
        this.#workerKilled = performance.now()
        this.#signal(this.#pick(this.#workers()), 'SIGKILL', false)
      },
      graceful: () => this.#signal(this.server.pid, 'SIGUSR1', false),
      change: () => {
        this.#threads = this.#threads === 2 ? 3 : 2
        this.server.write('httpd.conf', configuration(this.#threads))
        this.#signal(this.server.pid, 'SIGUSR1', false)
      },
    }
    const kind = this.#pick(Object.keys(kinds)) as string
    this.#faults[kind] = (this.#faults[kind] ?? 0) + 1
    this.options.log?.(`${kind} ${pid}`)
    await kinds[kind]?.()
  }

  #signal(pid: number | undefined, signal: NodeJS.Signals, victim: boolean): void {
    if (pid === undefined) return
    if (victim) this.#victims.add(pid)
    try {
      process.kill(pid, signal)
    } catch {
      // it has left in the meantime
    }
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.#random() * from.length)]
  }

  #daemons(): number[] {
    return this.server
      .processes()
      .filter(({ command }) => command.includes('runtime/main.py'))
      .map(({ pid }) => pid)
  }

  /** As a rule a process that serves, now and then one that comes up or leaves. */
  #victim(): number | undefined {
    return this.#pick(this.#random() < 0.8 ? this.#ready() : this.#daemons())
  }

  /** A process that is stopped while it comes up is given a minute to go on, for which requests would wait. */
  #ready(): number[] {
    const log = readFileSync(path.join(this.server.root, 'error.log'), 'latin1')
    const up = new Set(
      [...log.matchAll(/\(pid=(\d+)\): Process '\w+' is ready/g)].map((found) => Number(found[1])),
    )
    return this.#daemons().filter((pid) => up.has(pid))
  }

  /** Waits until as many processes are there as there should be, and each answers. */
  async #settled(all?: number): Promise<void> {
    await until(
      'the processes to be complete',
      async () => {
        if (this.#daemons().length !== PROCESSES) return false
        for (const place of ['/one', '/two'])
          if ((await this.server.get(`${place}?0&plain`)).status !== 200) return false
        if (all !== undefined && this.server.processes().length !== all) return false
        return (
          this.#workers().length > 0 &&
          this.#daemons().length === PROCESSES &&
          this.#files('.sock') === PROCESSES
        )
      },
      90_000,
    )
  }

  #workers(): number[] {
    return this.server
      .processes()
      .filter(({ command }) => command.includes('worker-main'))
      .map(({ pid }) => pid)
  }

  #files(end: string): number {
    return readdirSync(path.join(this.server.root, 'run'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith(end),
    ).length
  }

  #resources(): Record<string, number> {
    return {
      processes: this.server.processes().length,
      sockets: this.#files('.sock'),
      'progress files': this.#files('.progress'),
      'descriptors of the supervisor': readdirSync(`/proc/${this.server.pid}/fd`).length,
      'descriptors of a server worker': Math.max(
        ...this.#workers().map((pid) => readdirSync(`/proc/${pid}/fd`).length),
      ),
      'memory of the supervisor, KB': memory(this.server.pid),
      'memory of a server worker, KB': Math.max(...this.#workers().map(memory)),
    }
  }

  /** Compares what clients saw with what the application wrote down. */
  #account(): string[] {
    const begun = new Map<number, number[]>()
    for (const line of readFileSync(path.join(this.server.root, 'apps/ledger'), 'latin1').split('\n')) {
      const [, number, pid] = line.split(' ').map(Number)
      if (number) begun.set(number, [...(begun.get(number) ?? []), pid as number])
    }
    const wrong: string[] = []
    for (const [number, pids] of begun)
      if (pids.length > 1) wrong.push(`request ${number} ran ${pids.length} times, in ${pids.join(' and ')}`)
    for (const [number, why] of this.#failures) {
      const pid = begun.get(number)?.[0]
      if (pid === undefined) wrong.push(`request ${number} was lost before it ran: ${why}`)
      else if (!this.#victims.has(pid))
        wrong.push(`request ${number} was lost in ${pid}, which was left alone: ${why}`)
    }
    return wrong
  }
}

function leftOver(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): string[] {
  return Object.entries(after).flatMap(([name, now]) => {
    const allowed = name.startsWith('memory')
      ? MEMORY_GROWTH_MAX_KB
      : name === 'descriptors of a server worker'
        ? DESCRIPTORS_GROWTH_MAX + LANES
        : name.startsWith('descriptors')
          ? DESCRIPTORS_GROWTH_MAX
          : 0
    const then = before[name] as number
    return now > then + allowed ? [`${name}: ${then} before, ${now} after`] : []
  })
}

function memory(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0)
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
