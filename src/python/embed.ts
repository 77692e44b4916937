/**
 * Embedded mode: CPython inside this process. Its shared library is loaded, and its own `main` runs on a thread of
 * libuv's pool, with the argument vector that a daemon process would have.
 *
 * That thread is taken for good: who starts this process sets UV_THREADPOOL_SIZE one higher than otherwise. Node's
 * event loop and its signal handlers stay as they are. Once started, Python cannot be started again in this process.
 */
import { unlinkSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import koffi from 'koffi'
import type { Board } from '../status/board.js'
import { MetricsAnswers } from '../status/metrics-answers.js'
import { native } from '../system/libc.js'
import { makeSecret } from '../system/secret.js'
import { RuntimeControl, type RuntimeMessage, type RuntimeSettings } from './control.js'
import { findPython } from './find.js'
import { findLibrary, type PythonLibrary } from './library.js'
import { runtimeMain } from './runtime-path.js'
import { type StartOptions, startFor } from './start.js'
import { closeFd, listenUnix, socketPair } from './unix-sockets.js'

export interface EmbedOptions {
  /** Python home; without one, the first Python on `PATH`. */
  readonly home?: string | undefined
  /** How it is started: optimisation, warnings and the like. */
  readonly start?: StartOptions
  /** Directory for the socket; only this process connects to it. */
  readonly runtimeDir: string
  readonly settings: RuntimeSettings
  /** What is printed or logged outside of requests, line by line. */
  readonly log: (level: string, text: string) => void
  /** What the server is doing, for `mod_wsgi.server_metrics()`. */
  readonly board: () => Promise<Board>
}

/** The interpreter of this process. */
export interface EmbeddedPython {
  readonly socketPath: string
  /** What its lanes begin with. */
  readonly secret: string
  /** `3.11.2`. */
  readonly version: string
  /** Whether it holds any application group; else `%{GLOBAL}` alone. */
  readonly subinterpreters: boolean
  /** See {@link RuntimeControl.showStacks}. */
  showStacks(): void
  /** Orderly end: running requests finish, threads are joined, atexit functions run. Resolves when all that is over. */
  stop(reason: string): Promise<void>
}

/** Its library cannot be loaded, or its `main` has returned before it was ready: it could not find its modules, or did not like its arguments. */
export class EmbeddingFailed extends Error {
  override readonly name = 'EmbeddingFailed'
}

/** Whether `main` has been called in this process: that can be done once. */
let started = false
/** Why it has returned before it was ready. */
let failure: EmbeddingFailed | undefined

/**
 * Starts Python in this process; resolves when it takes requests.
 * @throws {PythonNotFound | LibraryNotFound | EmbeddingFailed}
 */
export async function embedPython(options: EmbedOptions): Promise<EmbeddedPython> {
  const { executable, kind } = findPython(options.home)
  const library = await findLibrary(executable)
  if (started) throw failure ?? new EmbeddingFailed('Python has been started in this process before')
  const main = loadMain(library)
  const socketPath = join(options.runtimeDir, `embedded.${process.pid}.sock`)
  const { listen, ours, theirs } = makeSockets(socketPath)
  const start = startFor(options.start ?? {}, kind)
  Object.assign(process.env, start.environment)

  const ready = deferred<Pick<EmbeddedPython, 'version' | 'subinterpreters'>>()
  const stopped = deferred<void>()
  const heard = (message: RuntimeMessage) => {
    if (message.type === 'ready') ready.resolve(message)
    else if (message.type === 'log') options.log(message.level, message.text)
    else if (message.type === 'stopped') stopped.resolve()
    else if (message.type === 'server_metrics') void metrics.answer(message)
  }
  const control = new RuntimeControl(new Socket({ fd: ours, readable: true, writable: true }), heard, () =>
    stopped.resolve(),
  )
  const metrics = new MetricsAnswers(
    options.settings.server_metrics === true,
    options.board,
    (answer, taken) => control.answer(answer, taken),
  )
  const secret = makeSecret()
  control.configure({ ...options.settings, mode: 'embedded', lane_secret: secret })
  leaveWithoutWaiting(socketPath)
  const words = [
    ...start.flags,
    runtimeMain(),
    ...['--control', String(theirs), '--listen', String(listen), '--embedded'],
  ]
  started = true
  main([executable, ...words], (status) => {
    failure = new EmbeddingFailed(`${library.path} ended with status ${status}; see the error log`)
    ready.reject(failure)
    stopped.resolve()
  })
  const { version, subinterpreters } = await ready.promise
  return {
    socketPath,
    secret,
    version,
    subinterpreters,
    showStacks: () => control.showStacks(),
    stop(reason) {
      control.stop(reason)
      return stopped.promise
    },
  }
}

/** What it listens on, and both ends of its control connection. */
function makeSockets(path: string): { listen: number; ours: number; theirs: number } {
  const [ours, theirs] = socketPair()
  try {
    return { listen: listenUnix(path), ours, theirs }
  } catch (error) {
    closeFd(ours)
    closeFd(theirs)
    throw error
  }
}

/** Calls Python's `main` on a thread of its own; `ended` is called if it returns. */
type Main = (argv: readonly string[], ended: (status: number) => void) => void

/** @throws {EmbeddingFailed} where the library is not for this machine, or not Python's. */
function loadMain({ path, version: [major, minor] }: PythonLibrary): Main {
  try {
    // Global: extension modules that are not linked to libpython find its symbols. Lazy: Python itself is loaded so.
    const python = koffi.load(path, { global: true, lazy: true })
    // Before 3.8 the `main` of Python 3 took wide characters only.
    const decode =
      major === 3 && minor < 8
        ? python.func('void *Py_DecodeLocale(const char *text, void *size)')
        : undefined
    const name = major === 2 || decode !== undefined ? 'Py_Main' : 'Py_BytesMain'
    const main = python.func(`int ${name}(int argc, ${decode === undefined ? 'const char' : 'void'} **argv)`)
    return (argv, ended) => {
      const words = decode === undefined ? argv : argv.map((word) => decode(word, null))
      const done = (error: Error | null, status: number) => ended(error === null ? status : -1)
      main.async(words.length, [...words, null], done)
    }
  } catch (error) {
    throw new EmbeddingFailed(`${path} cannot be loaded: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * Makes `process.exit()` work: it would wait for the pool's threads, and one of them stays in Python for ever.
 * Handlers of `exit` that were installed before still run.
 */
function leaveWithoutWaiting(socketPath: string): void {
  const exitNow = native<[status: number], void>('void _exit(int)')
  process.on('exit', (code) => {
    try {
      unlinkSync(socketPath)
    } catch {
      // Somebody has tidied up already.
    }
    exitNow(code)
  })
}

/** A promise and what settles it. */
function deferred<T>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: Error) => void
} {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
