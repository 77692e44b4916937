/**
 * Comparing passwords with stored hashes while requests are served. Slow hashes are computed on a thread of their own, one at a time; those who
 * wait are served in turn by client address, and there is an end to how many may wait. What has been found right is remembered for a while: a
 * browser sends the password with each request.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { lazily } from '../../system/lazily.js'
import { FairQueue } from './fair-queue.js'
import type { HashAnswer, HashQuestion } from './hash-thread.js'
import { type Comparison, comparePassword, isQuick } from './password-hash.js'

/** `busy`: too much is waiting. `gone`: nobody wants to know any more. `failed`: the thread died of this one. */
export type Verification = Comparison | 'busy' | 'gone' | 'failed'

/** Whom a comparison is for. */
export interface Asker {
  readonly remoteAddress: string
  /** True once the client is gone: its work is dropped. */
  readonly aborted: boolean
}

/** A client that guesses passwords has so many under way at most. Enough for a browser's parallel requests with different users behind one address. */
const WAITING_MAX_OF_CLIENT = 16
/** With 0.1 s for each (bcrypt with cost 10) the last one waits for 13 s. */
const WAITING_MAX = 128
/** How long and how many right passwords are remembered. A changed stored hash makes the memory of the old one useless at once. */
const REMEMBERED_MS = 300_000
const REMEMBERED_MAX = 4096

interface Job {
  readonly key: string
  readonly password: string
  readonly hash: string
  /** All who ask the same; the work is dropped once all are gone. */
  readonly askers: Asker[]
  readonly done: (verification: Verification) => void
}

export class PasswordVerifier {
  /** What is remembered is of no use without it, and it leaves this process never. */
  readonly #secret = lazily(() => randomBytes(32))
  /** Until when a password is known to be right, by {@link #keyOf}, oldest first. */
  readonly #remembered = new Map<string, number>()
  readonly #waiting = new FairQueue<Job>(WAITING_MAX_OF_CLIENT, WAITING_MAX)
  /** Comparisons asked for and not answered, by key. */
  readonly #pending = new Map<string, { readonly job: Job; readonly result: Promise<Verification> }>()
  #thread: Worker | undefined
  #running: Job | undefined
  #questions = 0

  /** @param password one character per byte, as is `hash` */
  verify(password: string, hash: string, asker: Asker): Verification | Promise<Verification> {
    if (isQuick(hash)) return comparePassword(password, hash)
    const key = this.#keyOf(password, hash)
    if (this.#remembers(key)) return 'same'
    const pending = this.#pending.get(key)
    if (pending !== undefined) {
      pending.job.askers.push(asker)
      return pending.result
    }
    return this.#enqueue(key, password, hash, asker)
  }

  #enqueue(key: string, password: string, hash: string, asker: Asker): Verification | Promise<Verification> {
    let done: (verification: Verification) => void = () => {}
    const result = new Promise<Verification>((resolve) => {
      done = resolve
    })
    const job: Job = { key, password, hash, askers: [asker], done }
    if (!this.#waiting.add(asker.remoteAddress, job)) return 'busy'
    this.#pending.set(key, { job, result })
    this.#next()
    return result
  }

  #next(): void {
    if (this.#running !== undefined) return
    for (let job = this.#waiting.take(); job !== undefined; job = this.#waiting.take()) {
      if (job.askers.every(({ aborted }) => aborted)) {
        this.#settle(job, 'gone')
        continue
      }
      this.#running = job
      this.#thread ??= this.#startThread()
      this.#thread.ref()
      const question: HashQuestion = { id: ++this.#questions, password: job.password, hash: job.hash }
      this.#thread.postMessage(question)
      return
    }
    // an idle thread keeps no process alive
    this.#thread?.unref()
  }

  #startThread(): Worker {
    const thread = new Worker(new URL('./hash-thread.js', import.meta.url), { stdin: false })
    const failed = () => {
      if (this.#thread !== thread) return
      this.#thread = undefined
      this.#finish('failed')
    }
    thread.on('message', ({ id, comparison }: HashAnswer) => {
      if (id === this.#questions) this.#finish(comparison)
    })
    thread.once('error', failed)
    thread.once('exit', failed)
    return thread
  }

  #finish(verification: Verification): void {
    const job = this.#running
    this.#running = undefined
    if (job !== undefined) this.#settle(job, verification)
    this.#next()
  }

  #settle(job: Job, verification: Verification): void {
    this.#pending.delete(job.key)
    if (verification === 'same') this.#remember(job.key)
    job.done(verification)
  }

  #remembers(key: string): boolean {
    const until = this.#remembered.get(key)
    if (until === undefined) return false
    if (until > Date.now()) return true
    this.#remembered.delete(key)
    return false
  }

  #remember(key: string): void {
    this.#remembered.delete(key)
    this.#remembered.set(key, Date.now() + REMEMBERED_MS)
    if (this.#remembered.size <= REMEMBERED_MAX) return
    const oldest = this.#remembered.keys().next().value
    if (oldest !== undefined) this.#remembered.delete(oldest)
  }

  #keyOf(password: string, hash: string): string {
    return createHmac('sha256', this.#secret()).update(`${hash}\0${password}`, 'latin1').digest('base64')
  }
}
