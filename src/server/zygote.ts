/**
 * The process that the processes of a group are forked from (`WSGILazyInitialization Off`): it has loaded the scripts of the main interpreter, so
 * each child begins with them, in memory that it shares with all others. The counterpart is `runtime/_wsgi_httpd/zygote.py`.
 *
 * The children are not ours: their ends, and what they are called, the zygote tells. It runs other people's code, so that is checked where it can be, and
 * waited for no longer than it takes.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import { constants } from 'node:os'
import { RuntimeControl, type RuntimeMessage, type RuntimeSettings } from '../python/control.js'
import { closeFd, socketPair } from '../python/unix-sockets.js'
import { killChildOf, kinship, type Origin } from '../system/child-of.js'
import { CAN_SEND_DESCRIPTORS, sendDescriptors } from '../system/send-descriptors.js'
import type { ErrorStream } from './error-stream.js'

/** Where a process in a jail finds the runtime. */
export const BUNDLE_FD = 6

/** The end of a child that has been killed is told within this time, or the zygote is at fault. */
const END_TOLD_MS = 3000

/** A child of a zygote, as far as a caller needs it like a `ChildProcess`. Emits `exit` with code and signal, once. */
export class ForkedChild extends EventEmitter<{
  exit: [code: number | null, signal: NodeJS.Signals | null]
}> {
  /** 0 until the zygote has said it. */
  pid = 0
  readonly stdout = null
  readonly stderr = null
  #signal: NodeJS.Signals | undefined
  #over = false

  /** @param send passes on a signal; as long as it is not forked, that says that it is not wanted any more */
  constructor(private readonly send: (child: ForkedChild, signal: NodeJS.Signals) => void) {
    super()
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    if (this.#over) return false
    if (this.pid === 0) this.#signal = signal
    this.send(this, signal)
    return true
  }

  /** Called by the zygote's owner. */
  born(pid: number): void {
    this.pid = pid
    if (this.#signal !== undefined) this.kill(this.#signal)
  }

  /** Called by the zygote's owner. */
  died(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#over) return
    this.#over = true
    this.emit('exit', code, signal)
  }
}

export interface ZygoteOptions {
  /** The launcher's program and words. */
  readonly command: readonly [program: string, ...words: string[]]
  readonly environment: Readonly<Record<string, string>>
  /** Asked anew when it has changed. */
  readonly stderr: () => ErrorStream
  /** Whom it and its children run as. */
  readonly uid: number
  readonly settings: RuntimeSettings
  /** Descriptor of the runtime as one text, for a process in a jail (`chroot`); it becomes number {@link BUNDLE_FD} there and is closed here. */
  readonly bundle?: number | undefined
  /** What it says, and what it writes to descriptors 1 and 2 where these are no files. */
  readonly log: (level: string, text: string) => void
}

export class Zygote {
  static readonly isPossible = CAN_SEND_DESCRIPTORS

  readonly #child: ChildProcess
  readonly #control: RuntimeControl
  /** Our end of the control connection. */
  readonly #socket: Socket
  readonly #descriptor: number
  /** Of its children. */
  readonly #origin: Origin
  /** Asked for, and the zygote has been told. */
  readonly #unborn: ForkedChild[] = []
  /** Asked for before it was ready. */
  readonly #queued: { readonly child: ForkedChild; readonly descriptors: readonly number[] }[] = []
  #ready = false
  readonly #children = new Map<number, ForkedChild>()
  #retired = false
  readonly #stderr: () => ErrorStream
  /** The error log has been opened anew while it came up. */
  #lacksStderr = false
  #exit: { code: number | null; signal: NodeJS.Signals | null } | undefined
  readonly gone: Promise<void>

  /** @throws when the process cannot be started. */
  constructor(options: ZygoteOptions) {
    const [ours, theirs] = socketPair()
    const [program, ...words] = options.command
    this.#descriptor = ours
    this.#stderr = options.stderr
    const stderr = options.stderr()
    try {
      this.#child = spawn(program, words, {
        cwd: '/',
        env: options.environment,
        stdio: [
          ...(['ignore', stderr, stderr, theirs] as const),
          ...(options.bundle === undefined ? [] : (['ignore', 'ignore', options.bundle] as const)),
        ],
        detached: true,
      })
    } finally {
      closeFd(theirs)
      if (options.bundle !== undefined) closeFd(options.bundle)
    }
    this.#origin = { parent: this.pid, uid: options.uid }
    this.#socket = new Socket({ fd: ours, readable: true, writable: true })
    this.#control = new RuntimeControl(
      this.#socket,
      (message) => this.#hear(message, options),
      () => this.#child.kill('SIGKILL'),
    )
    this.#control.configure(options.settings)
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('latin1').on('data', (text: string) => {
        for (const line of text.split('\n')) if (line !== '') options.log('error', line)
      })
    }
    this.#child.once('error', () => this.#ended(null, null))
    this.gone = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#ended(code, signal)
        resolve()
      })
      this.#child.once('error', () => resolve())
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Whether it still forks. */
  get isAlive(): boolean {
    return this.#exit === undefined && !this.#retired
  }

  /** Forks a child that gets these descriptors: control connection, listening socket, progress file. They are closed here. */
  fork(descriptors: readonly [number, number, number]): ForkedChild {
    const child = new ForkedChild((one, signal) => this.#signal(one, signal))
    // Sent behind its settings they would be lost: a read that does not ask for descriptors drops them.
    if (!this.#ready) this.#queued.push({ child, descriptors })
    else this.#order(child, descriptors)
    return child
  }

  /** Its error log, and that of its later children, has been opened anew. */
  renewStderr(): void {
    const stderr = this.#stderr()
    this.#lacksStderr = !this.#ready
    if (!this.#ready || this.#exit !== undefined || stderr === 'pipe') return
    try {
      sendDescriptors(this.#descriptor, Buffer.from('e'), [stderr])
    } catch {} // it ends, or goes on in the old one
  }

  #signal(child: ForkedChild, signal: NodeJS.Signals): void {
    if (child.pid === 0) {
      this.#withdraw(child, signal)
      return
    }
    killChildOf(this.#origin, child.pid, signal)
    if (signal !== 'SIGKILL') return
    // Whatever has become of it: with the zygote it counts as gone.
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_TOLD_MS)
    child.once('exit', () => clearTimeout(timer))
  }

  /** A child that has been ordered gets its signal as soon as it is there; one that has not ends now. */
  #withdraw(child: ForkedChild, signal: NodeJS.Signals): void {
    const at = this.#queued.findIndex((entry) => entry.child === child)
    if (at < 0) {
      // It does not answer: nothing else would ever end what waits for it.
      if (signal === 'SIGKILL') this.#child.kill('SIGKILL')
      return
    }
    const [entry] = this.#queued.splice(at, 1)
    for (const fd of entry?.descriptors ?? []) closeFd(fd)
    setImmediate(() => child.died(null, signal))
    if (this.#retired) this.retire()
  }

  #order(child: ForkedChild, descriptors: readonly number[]): void {
    this.#unborn.push(child)
    try {
      // One each: Python 2.7 cannot take more at a time.
      for (const fd of descriptors) sendDescriptors(this.#descriptor, Buffer.from('f'), [fd])
    } catch {
      // It is ending, or cannot be reached: with it, its children end.
      this.#child.kill('SIGKILL')
    } finally {
      for (const fd of descriptors) closeFd(fd)
    }
  }

  /** Forks nobody any more, and leaves when its last child has. */
  retire(): void {
    this.#retired = true
    if (this.#queued.length + this.#unborn.length + this.#children.size === 0) this.#control.close()
  }

  #hear(message: RuntimeMessage, options: ZygoteOptions): void {
    switch (message.type) {
      case 'log':
        options.log(message.level, message.text)
        return
      case 'zygote_ready':
        this.#ready = true
        if (this.#lacksStderr) this.renewStderr()
        for (const { child, descriptors } of this.#queued.splice(0)) this.#order(child, descriptors)
        return
      case 'forked': {
        const child = this.#unborn[0]
        if (child === undefined) return
        // one that is gone has ended already, which is told next
        if (this.#children.has(message.pid) || kinship(message.pid, this.#origin) === 'other') {
          options.log('error', `It calls process ${message.pid} its child, which it is not, and is killed.`)
          this.#child.kill('SIGKILL')
          return
        }
        this.#unborn.shift()
        this.#children.set(message.pid, child)
        child.born(message.pid)
        return
      }
      case 'exited': {
        const child = this.#children.get(message.pid)
        this.#children.delete(message.pid)
        child?.died(message.code, signalName(message.signal))
        if (this.#retired) this.retire()
      }
    }
  }

  /** Its children end with it: the kernel sees to that. */
  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#exit !== undefined) return
    this.#exit = { code, signal }
    for (const { child, descriptors } of this.#queued.splice(0)) {
      for (const fd of descriptors) closeFd(fd)
      child.died(code, signal)
    }
    for (const child of this.#unborn.splice(0)) child.died(code, signal)
    for (const child of this.#children.values()) child.died(null, 'SIGKILL')
    this.#children.clear()
  }
}

function signalName(number: number | null): NodeJS.Signals | null {
  if (number === null) return null
  const found = Object.entries(constants.signals).find(([, value]) => value === number)
  return (found?.[0] ?? 'SIGKILL') as NodeJS.Signals
}
