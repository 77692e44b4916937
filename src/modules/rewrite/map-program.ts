/**
 * The program of a `RewriteMap prg:`: gets a key per line and answers with a line, one question at a time. It runs as long as the server worker
 * that asks it, started with the first question; its standard input ends with the worker.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { textOf } from '../../config/text.js'
import type { Request } from '../../request/request.js'

/** Questions that may wait; more are answered with nothing. */
const QUEUE_MAX = 1024
/** Bytes of an answer. */
const ANSWER_MAX = 64 * 1024
const ANSWER_WITHIN_MS = 30_000
/** A program that ends is started again, but not more often than this. */
const RESTART_AFTER_MS = 1000

interface Question {
  readonly key: string
  readonly request: Request
  readonly answer: (value: string | undefined) => void
}

export class MapProgram {
  #child: ChildProcessWithoutNullStreams | undefined
  #startedAt = 0
  #received = ''
  #timer: NodeJS.Timeout | undefined
  readonly #questions: Question[] = []

  constructor(
    readonly name: string,
    readonly command: readonly string[],
  ) {}

  /** What the program says of a key; undefined for `NULL`, and where it does not answer. */
  ask(key: string, request: Request): Promise<string | undefined> {
    // a line end would be two questions
    if (/[\r\n\0]/.test(key)) return Promise.resolve(undefined)
    return new Promise((answer) => {
      if (this.#questions.length >= QUEUE_MAX) {
        complain(request, `${QUEUE_MAX} requests wait for the program of RewriteMap ${this.name}`)
        answer(undefined)
        return
      }
      this.#questions.push({ key, request, answer })
      if (this.#questions.length === 1) this.#next()
    })
  }

  #next(): void {
    const [question] = this.#questions
    if (question === undefined) return
    const child = this.#running()
    if (child === undefined) {
      this.#settle(undefined, `the program of RewriteMap ${this.name} has ended`)
      return
    }
    this.#timer = setTimeout(() => this.#giveUp(child), ANSWER_WITHIN_MS)
    this.#timer.unref()
    child.stdin.write(`${question.key}\n`, 'latin1')
  }

  /** The process, started if need be; undefined where it has ended a moment ago. */
  #running(): ChildProcessWithoutNullStreams | undefined {
    if (this.#child !== undefined) return this.#child
    if (Date.now() - this.#startedAt < RESTART_AFTER_MS) return undefined
    this.#startedAt = Date.now()
    this.#received = ''
    const [program = '', ...args] = this.command.map(textOf)
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
    }) as unknown as ChildProcessWithoutNullStreams
    this.#child = child
    child.stdout.setEncoding('latin1')
    child.stdout.on('data', (text: string) => this.#receive(text, child))
    child.stdin.on('error', () => this.#ended(child))
    child.on('error', () => this.#ended(child))
    child.on('exit', () => this.#ended(child))
    // it must not keep a worker alive that is to end
    child.unref()
    for (const stream of [child.stdin, child.stdout]) (stream as unknown as { unref?: () => void }).unref?.()
    return child
  }

  #receive(text: string, child: ChildProcessWithoutNullStreams): void {
    if (child !== this.#child) return
    // nobody has asked: this must not become the answer to the next question
    if (this.#questions.length === 0) return
    this.#received += text
    const end = this.#received.indexOf('\n')
    if (end < 0) {
      if (this.#received.length > ANSWER_MAX) this.#giveUp(child)
      return
    }
    const line = this.#received.slice(0, end).replace(/\r$/, '')
    // nor must what follows it
    this.#received = ''
    this.#settle(line.toUpperCase() === 'NULL' ? undefined : line)
  }

  #giveUp(child: ChildProcessWithoutNullStreams): void {
    child.kill('SIGKILL')
    this.#ended(child)
  }

  #ended(child: ChildProcessWithoutNullStreams): void {
    if (child !== this.#child) return
    this.#child = undefined
    this.#settle(undefined, `the program of RewriteMap ${this.name} has ended or does not answer`)
  }

  #settle(value: string | undefined, why?: string): void {
    clearTimeout(this.#timer)
    const question = this.#questions.shift()
    if (question === undefined) return
    if (why !== undefined) complain(question.request, why)
    question.answer(value)
    this.#next()
  }
}

function complain(request: Request, why: string): void {
  request.report('rewrite', 'error', `mod_rewrite: ${why}; the look-up finds nothing`)
}
