/**
 * Steady load from clients that keep their connections, and an account of everything that went wrong. A request that is refused, reset, cut
 * short, answered with an unexpected status or with a wrong body is a failure; nothing is tried again.
 */
import { createHash, randomBytes } from 'node:crypto'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../support/wait.js'

export interface Reply {
  readonly status: number
  readonly body: string
  /** When the request was begun, and when its answer was complete, by `performance.now()`. */
  readonly from: number
  readonly to: number
  /** Process that answered, by the header `X-Pid`; undefined where the application does not say. */
  readonly pid: number | undefined
}

/** Says what is wrong with a reply; nothing when it is right. */
export type Check = (reply: Reply) => string | undefined

const REQUEST_TIMEOUT_MS = 30_000
/** What an upload consists of; it is sent in pieces with pauses, so that it is under way for a while. */
const UPLOAD_BYTES = 256 * 1024
const UPLOAD_PIECES = 8
const UPLOAD_PAUSE_MS = 10
/**
 * Clients think for a while between requests, so that connections are idle as well as busy when something happens, and so that the load
 * leaves the server some processor time on a small machine.
 */
const THINKING_MAX_MS = 60

export class Load {
  readonly failures: string[] = []
  requests = 0
  uploads = 0
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  readonly #loops: Promise<void>[] = []
  #stopping = false

  constructor(readonly port: number) {}

  /** That many clients ask for `path`, each as soon as its last answer is complete. */
  get(path: string, clients: number, check: Check): this {
    for (let client = 0; client < clients; client++)
      this.#loops.push(
        this.#loop(`GET ${path}`, check, async () => {
          const reply = await this.#send('GET', path, [])
          this.requests++
          return reply
        }),
      )
    return this
  }

  /** That many clients send bodies of 256 KiB to `path`, an application that answers with their length and SHA-256. */
  upload(path: string, clients: number): this {
    const body = randomBytes(UPLOAD_BYTES)
    const expected = `${body.length} ${createHash('sha256').update(body).digest('hex')}`
    const size = UPLOAD_BYTES / UPLOAD_PIECES
    const pieces = Array.from({ length: UPLOAD_PIECES }, (_, index) =>
      body.subarray(index * size, (index + 1) * size),
    )
    const check: Check = ({ body: got }) => (got === expected ? undefined : `answered ${got.slice(0, 100)}`)
    for (let client = 0; client < clients; client++)
      this.#loops.push(
        this.#loop(`POST ${path}`, check, async () => {
          const reply = await this.#send('POST', path, pieces)
          this.uploads++
          return reply
        }),
      )
    return this
  }

  /** Waits until that many more requests have been answered. */
  async more(count: number): Promise<void> {
    const goal = this.requests + count
    await until(`${count} more answers under load`, () => this.requests >= goal || this.failures.length > 0)
  }

  /** Lets every request end, and answers with what went wrong. */
  async stop(): Promise<readonly string[]> {
    this.#stopping = true
    await Promise.all(this.#loops)
    this.#agent.destroy()
    return this.failures
  }

  async #loop(what: string, check: Check, once: () => Promise<Reply>): Promise<void> {
    while (!this.#stopping) {
      try {
        const reply = await once()
        const wrong =
          reply.status === 200 ? check(reply) : `status ${reply.status}: ${reply.body.slice(0, 200)}`
        if (wrong !== undefined) this.failures.push(`${what}: ${wrong}`)
        await sleep(Math.random() * THINKING_MAX_MS)
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        this.failures.push(`${what}: ${code ?? ''} ${message}`)
        // A server that is not there must not make this a busy loop.
        await sleep(20)
      }
    }
  }

  async #send(method: string, path: string, pieces: readonly Buffer[]): Promise<Reply> {
    const from = performance.now()
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    const outgoing = request({
      host: '127.0.0.1',
      port: this.port,
      path,
      method,
      agent: this.#agent,
      headers: { Host: `localhost:${this.port}`, ...(length > 0 ? { 'Content-Length': length } : {}) },
    })
    outgoing.setTimeout(REQUEST_TIMEOUT_MS, () => outgoing.destroy(new Error('no answer')))
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve)
      outgoing.once('error', reject)
    })
    // An error while sending is the same one as that of `answered`.
    answered.catch(() => {})
    for (const piece of pieces) {
      if (outgoing.destroyed) break
      outgoing.write(piece)
      await sleep(UPLOAD_PAUSE_MS)
    }
    outgoing.end()
    const response = await answered
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    const pid = response.headers['x-pid']
    return {
      status: response.statusCode ?? 0,
      body: Buffer.concat(chunks).toString(),
      from,
      to: performance.now(),
      pid: typeof pid === 'string' ? Number(pid) : undefined,
    }
  }
}
