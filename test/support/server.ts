/**
 * Real servers for tests: a temporary ServerRoot, free ports on 127.0.0.1, the real launcher in the foreground, and in the end the check that
 * none of its processes is left.
 *
 * @example
 * await withServer({ conf: 'WSGIScriptAlias / "${ROOT}/apps/hello.wsgi"', apps: { 'hello.wsgi': HELLO } }, async (server) => {
 *   assert.equal((await server.get('/')).text, 'Hello World')
 * })
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { isRoot } from './cache.js'
import { type Answer, type Ask, ask, raw } from './http.js'
import { descendants, type Seen, stillThere } from './processes.js'
import { findPython, usable } from './pythons.js'
import { until } from './wait.js'

export type { Answer, Ask } from './http.js'

/** From build/test/support up to the checkout. */
export const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))

/** The program under test: the checkout's own, or as root a copy that other accounts can read. */
const { reachableInstallation } = await import(path.join(PROJECT, 'scripts', 'reachable.mjs'))
export const LAUNCHER: string = path.join(reachableInstallation(), 'bin', 'wsgi-httpd.js')

const READY = /resuming normal operations/g
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 40_000
/** A server that was to refuse its configuration and serves instead is stopped then. */
const RUN_MAX_MS = 60_000
/** What is shown of the error log when a test fails. */
const LOG_SHOWN_CHARACTERS = 10_000
/** Somebody else may take a port between our choosing it and the server's binding it. */
const ATTEMPTS = 3

export interface ServerOptions {
  /** Text of httpd.conf. `${ROOT}`, `${PORT}`, `${PORT2}` … `${PORT9}` and `${PYTHON}` are replaced. */
  readonly conf?: string
  /** Instead of the usual preamble (see {@link preamble}) nothing but `conf`. */
  readonly bare?: boolean
  /** More files, by their path under the ServerRoot; the same replacements. A final `/` makes a directory. */
  readonly files?: Readonly<Record<string, string>>
  /** Applications, by their name under `apps/`. Nothing is replaced in them. */
  readonly apps?: Readonly<Record<string, string>>
  /** Further arguments of the launcher; the same replacements, here and in `env`. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Puts what is not text under the ServerRoot, before the server starts. */
  readonly prepare?: (layout: Layout) => void | Promise<void>
  /** Words that start the launcher, which stands behind them, in their own process. The same replacements. */
  readonly through?: readonly string[]
  /** Opens listening sockets, which the server gets as from a service manager: descriptors 3 and following. */
  readonly sockets?: (layout: Layout) => readonly number[]
  /** Descriptors that each of its processes may have. */
  readonly descriptors?: number
  /** Version of the Python that `WSGIPythonHome` names in the preamble, as for `findPython`; `none`: no such line. */
  readonly python?: string
}

/** Common ground of most tests: where to listen, logs at info, files open to requests, an account where we are root, a Python. */
function preamble(python: string | undefined): string {
  return `ServerName localhost
Listen 127.0.0.1:\${PORT}
PidFile httpd.pid
DefaultRuntimeDir "\${ROOT}/run"
ErrorLog error.log
LogLevel info
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
CustomLog access.log common
DocumentRoot "\${ROOT}/htdocs"
<Directory "\${ROOT}">
    Require all granted
</Directory>
${isRoot ? 'User nobody\nGroup "#65534"\n' : ''}${python === undefined ? '' : `WSGIPythonHome "${python}"\n`}`
}

/** A ServerRoot on disk with what a test wants in it. */
export class Layout {
  readonly root = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-test-'))
  readonly confFile = path.join(this.root, 'httpd.conf')
  readonly #values: Readonly<Record<string, string>>

  private constructor(
    readonly options: ServerOptions,
    readonly ports: readonly number[],
    python: string | undefined,
  ) {
    // The account of the server must get in.
    chmodSync(this.root, 0o755)
    const named = ports.map((port, index): [string, string] => [
      index === 0 ? 'PORT' : `PORT${index + 1}`,
      String(port),
    ])
    this.#values = { ROOT: this.root, PYTHON: python ?? '', ...Object.fromEntries(named) }
    for (const folder of ['htdocs', 'apps', 'run']) mkdirSync(path.join(this.root, folder))
    if (!options.bare) this.write('preamble.conf', preamble(python))
    this.write('httpd.conf', options.conf ?? '')
    for (const [name, text] of Object.entries(options.files ?? {})) this.write(name, text)
    for (const [name, text] of Object.entries(options.apps ?? {})) this.#put(path.join('apps', name), text)
  }

  static async make(options: ServerOptions): Promise<Layout> {
    const wanted = [...JSON.stringify(options).matchAll(/\$\{PORT(\d?)\}/g)].map((match) =>
      Number(match[1] || 1),
    )
    const home = options.python === 'none' ? undefined : findPython(options.python)
    const layout = new Layout(options, await freePorts(Math.max(1, ...wanted)), home && usable(home).home)
    try {
      await options.prepare?.(layout)
    } catch (error) {
      layout.remove()
      throw error
    }
    return layout
  }

  /** The text with its placeholders replaced. */
  fill(text: string): string {
    return text.replace(/\$\{(\w+)\}/g, (whole, key: string) => this.#values[key] ?? whole)
  }

  /** What the launcher gets as its environment. */
  environment(): NodeJS.ProcessEnv {
    const own = Object.entries(this.options.env ?? {}).map(([name, value]) => [name, this.fill(value)])
    return { ...process.env, ...Object.fromEntries(own) }
  }

  /** Writes a file under the ServerRoot, placeholders replaced. */
  write(name: string, text: string): void {
    if (name.endsWith('/')) mkdirSync(path.join(this.root, name), { recursive: true })
    else this.#put(name, this.fill(text))
  }

  read(name: string): string {
    const file = path.join(this.root, name)
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }

  /** Words for the launcher that make it read this configuration. */
  arguments(): string[] {
    const included = this.options.bare ? [] : ['-C', `Include "${path.join(this.root, 'preamble.conf')}"`]
    const own = (this.options.args ?? []).map((word) => this.fill(word))
    return ['-d', this.root, '-f', 'httpd.conf', ...included, ...own]
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }

  #put(name: string, text: string): void {
    const file = path.join(this.root, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the launcher to its end with any words, e.g. `-v`. */
export function runLauncher(
  words: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  const child = spawn(process.execPath, [LAUNCHER, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd ?? tmpdir(),
    env: { ...process.env, ...options.env },
    timeout: RUN_MAX_MS,
  })
  return finished(child)
}

/** Runs the launcher on a configuration with further words (`-t`, `-S`), or without them to see it refuse to start. */
export async function withConfiguration(
  options: ServerOptions,
  words: readonly string[],
  look: (result: Finished, layout: Layout) => void | Promise<void>,
): Promise<void> {
  const layout = await Layout.make(options)
  try {
    await look(await runLauncher([...layout.arguments(), ...words], { env: layout.environment() }), layout)
  } finally {
    layout.remove()
  }
}

function finished(child: ChildProcess): Promise<Finished> {
  return new Promise((resolve, reject) => {
    let stdout = ''
    let stderr = ''
    child.stdout?.on('data', (text) => (stdout += text))
    child.stderr?.on('data', (text) => (stderr += text))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** A running server. */
export class TestServer {
  readonly #ended: Promise<Finished>
  #result: Finished | undefined

  constructor(
    readonly layout: Layout,
    readonly child: ChildProcess,
  ) {
    this.#ended = finished(child).then((result) => (this.#result = result))
    // The test learns of it through `stopped()`.
    this.#ended.catch(() => {})
  }

  get root(): string {
    return this.layout.root
  }

  get port(): number {
    return this.layout.ports[0] as number
  }

  /** Process id of the supervisor. */
  get pid(): number {
    return this.child.pid as number
  }

  /** The result once the supervisor has ended by itself. */
  get result(): Finished | undefined {
    return this.#result
  }

  url(place = '/'): string {
    return `http://127.0.0.1:${this.port}${place}`
  }

  get(place: string, options: Ask & { port?: number } = {}): Promise<Answer> {
    return ask(options.port ?? this.port, place, options)
  }

  /** Sends bytes as they are; answers with all that comes back until the connection is closed. */
  raw(bytes: string | Buffer, port = this.port): Promise<string> {
    return raw(port, bytes)
  }

  errorLog(): string {
    return this.layout.read('error.log')
  }

  accessLog(): string {
    return this.layout.read('access.log')
  }

  /** Waits until the log contains the pattern (a line may be written just after the response that it is about); answers with the match. */
  waitForLog(pattern: RegExp, file = 'error.log'): Promise<RegExpExecArray> {
    return until(`${pattern} in ${file}`, () => {
      const ended = this.#result
      const match = pattern.exec(this.layout.read(file))
      if (match === null && ended !== undefined)
        throw new Error(`the server has ended: ${JSON.stringify(ended)}`)
      return match
    }).catch((error) => {
      throw new Error(`${error.message}; the log:\n${this.layout.read(file)}`, { cause: error })
    })
  }

  write(name: string, text: string): void {
    this.layout.write(name, text)
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** A graceful restart (`SIGUSR1`), until the server says that it is back. */
  async reload(signal: NodeJS.Signals = 'SIGUSR1'): Promise<void> {
    const before = this.#timesReady()
    this.signal(signal)
    await until('the server to be back', () => this.#timesReady() > before)
  }

  /** All processes below the supervisor. */
  processes(): Seen[] {
    return descendants(this.pid)
  }

  /** Waits for the end of the supervisor. */
  stopped(): Promise<Finished> {
    return this.#ended
  }

  /** Until it has logged that it serves; throws with what it said when it ends instead. */
  async untilReady(): Promise<void> {
    await until(
      'the server to start',
      () => this.#result !== undefined || this.#timesReady() > 0,
      START_TIMEOUT_MS,
    ).catch((error) => {
      this.child.kill('SIGKILL')
      throw new Error(`${error.message}; its error log:\n${this.errorLog()}`)
    })
    if (this.#result !== undefined) throw new StartError(this.#result, this.errorLog())
  }

  /** Stops it in order, and makes sure that nothing is left. */
  async stop(): Promise<void> {
    const below = this.processes()
    if (this.#result === undefined) {
      this.child.kill('SIGTERM')
      await until('the server to stop', () => this.#result !== undefined, STOP_TIMEOUT_MS).catch((error) => {
        this.child.kill('SIGKILL')
        throw new Error(`${error.message}; its error log:\n${this.errorLog()}`)
      })
    }
    await until('its processes to be gone', () => stillThere(below).length === 0).catch(() => {
      const left = stillThere(below)
      for (const { pid } of left) process.kill(pid, 'SIGKILL')
      throw new Error(
        `processes outlived the server: ${left.map(({ pid, command }) => `${pid} ${command}`).join('; ')}`,
      )
    })
  }

  #timesReady(): number {
    return this.errorLog().match(READY)?.length ?? 0
  }
}

/** The server ended before it served. */
export class StartError extends Error {
  constructor(
    readonly result: Finished,
    readonly log: string,
  ) {
    super(
      `the server did not start (exit ${result.code}):\n${result.stderr}${result.stdout}\nerror log:\n${log}`,
    )
  }
}

/** Runs a server for as long as `use` takes. The error log is shown when that fails. */
export async function withServer(
  options: ServerOptions,
  use: (server: TestServer) => Promise<void>,
): Promise<void> {
  const server = await start(options, ATTEMPTS)
  const killAtExit = () => server.child.kill('SIGKILL')
  process.once('exit', killAtExit)
  let failure: unknown
  try {
    await use(server)
  } catch (error) {
    if (error instanceof Error)
      error.message += `\n--- error log ---\n${server.errorLog().slice(-LOG_SHOWN_CHARACTERS)}`
    failure = error
  }
  try {
    await server.stop()
  } catch (error) {
    failure ??= error
  }
  process.off('exit', killAtExit)
  server.layout.remove()
  if (failure !== undefined) throw failure
}

async function start(options: ServerOptions, attempts: number): Promise<TestServer> {
  const layout = await Layout.make(options)
  const limits = options.descriptors === undefined ? [] : shell(`ulimit -n ${options.descriptors}`)
  const sockets = options.sockets?.(layout) ?? []
  const given = sockets.length === 0 ? [] : shell(`export LISTEN_PID=$$ LISTEN_FDS=${sockets.length}`)
  const through = (options.through ?? []).map((word) => layout.fill(word))
  const words = [
    ...limits,
    ...given,
    ...through,
    process.execPath,
    LAUNCHER,
    ...layout.arguments(),
    '-DFOREGROUND',
  ]
  const child = spawn(words[0] as string, words.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe', ...sockets],
    cwd: layout.root,
    env: layout.environment(),
  })
  const server = new TestServer(layout, child)
  try {
    await server.untilReady()
    return server
  } catch (error) {
    layout.remove()
    if (error instanceof StartError && attempts > 1 && /Address already in use/.test(error.message))
      return start(options, attempts - 1)
    throw error
  }
}

/** Words in front of a program that do something in its process before it is there. */
export function shell(command: string): string[] {
  return ['/bin/sh', '-c', `${command}; exec "$@"`, 'sh']
}

/** That many different ports on which nobody listens now. */
export async function freePorts(count: number): Promise<number[]> {
  const probes = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<{ port: number; close: () => void }>((resolve, reject) => {
          const probe = createServer()
          probe.once('error', reject)
          probe.listen(0, '127.0.0.1', () => {
            const address = probe.address()
            if (address === null || typeof address === 'string') return reject(new Error('no port'))
            resolve({ port: address.port, close: () => probe.close() })
          })
        }),
    ),
  )
  for (const probe of probes) probe.close()
  return probes.map((probe) => probe.port)
}
