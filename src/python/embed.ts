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
import { RuntimeControl, type RuntimeMessage, type RuntimeSettings } from './control.js'
import { findPython } from './find.js'
import { findLibrary, type PythonLibrary } from './library.js'
import { runtimeMain } from './runtime-path.js'
import { type StartOptions, startFor } from './start.js'
import { listenUnix, socketPair } from './unix-sockets.js'

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
  /** `3.11.2`. */
  readonly version: string
  /** Whether it holds any application group; else `%{GLOBAL}` alone. */
  readonly subinterpreters: boolean
  /** Orderly end: running requests finish, threads are joined, atexit functions run. Resolves when all that is over. */
  stop(reason: string): Promise<void>
}

/** Python's `main` has returned before it was ready: it could not find its library, or did not like its arguments. */
export class EmbeddingFailed extends Error {
  override readonly name = 'EmbeddingFailed'
}

let started = false

/**
 * Starts Python in this process; resolves when it takes requests.
 * @throws {PythonNotFound | LibraryNotFound | EmbeddingFailed}
 */
export async function embedPython(options: EmbedOptions): Promise<EmbeddedPython> {
  const { executable, kind } = findPython(options.home)
  const library = await findLibrary(executable)
  if (started) throw new EmbeddingFailed('Python has been started in this process before')
  const socketPath = join(options.runtimeDir, `embedded.${process.pid}.sock`)
  const listen = listenUnix(socketPath)
  const [ours, theirs] = socketPair()
  started = true
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
  const metrics = new MetricsAnswers(options.settings.server_metrics === true, options.board, (answer) =>
    control.answer(answer),
  )
  control.configure({ ...options.settings, mode: 'embedded' })
  leaveWithoutWaiting(socketPath)
  const words = [
    ...start.flags,
    runtimeMain(),
    ...['--control', String(theirs), '--listen', String(listen), '--embedded'],
  ]
  runMain(library, [executable, ...words], (status) => {
    ready.reject(new EmbeddingFailed(`${library.path} ended with status ${status}; see the error log`))
    stopped.resolve()
  })
  const { version, subinterpreters } = await ready.promise
  return {
    socketPath,
    version,
    subinterpreters,
    stop(reason) {
      control.stop(reason)
      return stopped.promise
    },
  }
}

/** Calls the library's `main` on a thread of its own; `ended` is called if it returns. */
function runMain(library: PythonLibrary, argv: readonly string[], ended: (status: number) => void): void {
  // Global: extension modules that are not linked to libpython find its symbols. Lazy: Python itself is loaded so.
  const python = koffi.load(library.path, { global: true, lazy: true })
  const [major, minor] = library.version
  const done = (error: Error | null, status: number) => ended(error === null ? status : -1)
  if (major === 2) {
    python.func('int Py_Main(int argc, const char **argv)').async(argv.length, [...argv, null], done)
  } else if (minor >= 8) {
    python.func('int Py_BytesMain(int argc, const char **argv)').async(argv.length, [...argv, null], done)
  } else {
    // Before 3.8 `main` took wide characters only.
    const decode = python.func('void *Py_DecodeLocale(const char *text, void *size)')
    const wide = argv.map((word) => decode(word, null))
    python.func('int Py_Main(int argc, void **argv)').async(argv.length, [...wide, null], done)
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
