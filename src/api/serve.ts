/**
 * `serve`: the whole server, as `wsgi-httpd -DFOREGROUND` starts it, as a child of this process. For tests, tools and services that want more than
 * one application.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { quote } from '../cli/start-server/text.js'
import { PARENT_VARIABLE, type SupervisorEvent } from '../server/parent.js'
import { makeAnotherRuntimeDir, removeRuntimeDir } from '../server/runtime-dir.js'
import { PACKAGE_ROOT } from '../system/package-root.js'
import { checkOptions, type Rule, text, variables } from './check-options.js'
import { OptionError, StartError } from './errors.js'

/** Options of {@link serve}. One of `configuration` and `file` is needed. */
export interface ServeOptions {
  /** Text of an httpd.conf. */
  readonly configuration?: string | undefined
  /** Path of one. */
  readonly file?: string | undefined
  /**
   * What relative names in the configuration are relative to.
   * @default the current directory for `configuration`, the one that the file says for `file`
   */
  readonly serverRoot?: string | undefined
  /**
   * Names to define, as by `Define`: `${NAME}` in the configuration is the value. A value of `0` stands for a port that is free.
   * @default { PORT: 0 }
   */
  readonly define?: Readonly<Record<string, string | number>> | undefined
  /** Variables of the server's environment, beside those of this process; `undefined` takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Takes what the server writes to standard output and standard error, which is its error log unless the configuration has an `ErrorLog`.
   * @default to standard error
   */
  readonly output?: ((text: string) => void) | undefined
}

/** How a server has ended. */
export interface Stopped {
  /** 0 after an orderly stop. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A server that runs. */
export interface RunningServer extends AsyncDisposable {
  /** Process id of its supervisor. */
  readonly pid: number
  /** Where it listens, in the order of the configuration: `http://127.0.0.1:8080`. All addresses are told as `127.0.0.1`. */
  readonly urls: readonly string[]
  /** The first of them. */
  readonly url: string
  /** What was defined, ports filled in. */
  readonly defined: Readonly<Record<string, string>>
  /**
   * A graceful restart with the configuration as it is then. Where one is under way, it begins when that is over.
   * @throws Error where it is called off, for instance by a fault in the configuration; the server goes on then
   */
  reload(): Promise<void>
  /** Stops it; `gracefully`: after the requests that it has. Calling it again is harmless. */
  stop(how?: 'now' | 'gracefully'): Promise<Stopped>
  /** Fulfilled when the server has ended, whatever made it end. */
  readonly stopped: Promise<Stopped>
}

const RULES: { readonly [K in keyof Required<ServeOptions>]: Rule } = {
  configuration: (value) => (typeof value === 'string' ? undefined : 'must be the text of an httpd.conf'),
  file: text,
  serverRoot: text,
  define: (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(
      ([name, one]) => /^\w+$/.test(name) && (Number.isInteger(one) || text(one) === undefined),
    )
      ? undefined
      : 'must be an object of names and of texts or whole numbers',
  env: variables(true),
  output: (value) => (typeof value === 'function' ? undefined : 'must be a function'),
}

const LAUNCHER = path.join(PACKAGE_ROOT, 'bin', 'wsgi-httpd.js')
/** Somebody else may take a free port between our looking and the server's binding it. */
const ATTEMPTS = 3
const TAKEN = /Address already in use/
/** What a message shows of the server's output. */
const SHOWN_CHARACTERS = 10_000

/**
 * Starts a server, and waits until it accepts connections. It ends with this process, whatever ends that.
 * @throws {@link OptionError} for options that are wrong
 * @throws {@link StartError} with the server's own words, where it does not start
 * @example
 * const server = await serve({ configuration: 'Listen 127.0.0.1:${PORT}\nWSGIScriptAlias / app.wsgi' })
 * const response = await fetch(server.url)
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const given = checkOptions('serve', options, RULES)
  if ((given.configuration === undefined) === (given.file === undefined))
    throw new OptionError('serve', 'configuration', 'or the option file is needed, and not both')
  for (let attempt = 1; ; attempt++) {
    try {
      return await Server.start(given)
    } catch (error) {
      const again = attempt < ATTEMPTS && error instanceof StartError && TAKEN.test(error.message)
      if (!again || !Object.values(given.define ?? { PORT: 0 }).includes(0)) throw error
    }
  }
}

class Server implements RunningServer {
  urls: readonly string[] = []
  readonly stopped: Promise<Stopped>
  #output = ''
  #isReady = false
  #hasEnded = false
  /** Who waits for the start or a restart to be over. */
  #waiting: { resolve: () => void; reject: (error: Error) => void } | undefined
  /** Fulfilled when the restarts that were asked for so far are over. */
  #reloaded = Promise.resolve()

  static async start(options: ServeOptions): Promise<Server> {
    const defined: Record<string, string> = {}
    for (const [name, value] of Object.entries(options.define ?? { PORT: 0 }))
      defined[name] = String(value === 0 ? await freePort() : value)
    const directory = makeAnotherRuntimeDir()
    try {
      const child = spawn(process.execPath, [LAUNCHER, ...wordsFor(options, defined, directory)], {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        env: { ...process.env, NODE_OPTIONS: undefined, ...options.env, [PARENT_VARIABLE]: '1' },
      })
      const server = new Server(
        child,
        defined,
        directory,
        options.output ?? ((told) => void process.stderr.write(told)),
      )
      await server.#next()
      server.#isReady = true
      return server
    } catch (error) {
      removeRuntimeDir(directory)
      throw error
    }
  }

  private constructor(
    private readonly child: ChildProcess,
    readonly defined: Readonly<Record<string, string>>,
    directory: string,
    output: (text: string) => void,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8')
      stream?.on('data', (told: string) => {
        if (!this.#isReady) this.#output = (this.#output + told).slice(-SHOWN_CHARACTERS)
        output(told)
      })
    }
    child.on('message', (event) => this.#hear(event as SupervisorEvent))
    this.stopped = new Promise((resolve) => {
      child.once('error', () => resolve({ code: null, signal: null }))
      child.once('close', (code, signal) => resolve({ code, signal }))
    })
    void this.stopped.then(({ code, signal }) => {
      removeRuntimeDir(directory)
      const how = signal === null ? `exit status ${code}` : signal
      this.#hasEnded = true
      const why = new StartError(`serve: the server has ended (${how}):\n${this.#output.trim()}`)
      this.#waiting?.reject(why)
    })
  }

  get pid(): number {
    return this.child.pid as number
  }

  get url(): string {
    return this.urls[0] as string
  }

  /** One after the other: the server makes one restart of several signals, and does not tell whose it was. */
  reload(): Promise<void> {
    const done = this.#reloaded.then(() => this.#reload())
    this.#reloaded = done.catch(() => {})
    return done
  }

  #reload(): Promise<void> {
    if (this.#hasEnded) throw new Error('serve: the server has ended')
    const done = this.#next()
    this.child.kill('SIGUSR1')
    return done
  }

  stop(how: 'now' | 'gracefully' = 'now'): Promise<Stopped> {
    if (!this.#hasEnded) this.child.kill(how === 'now' ? 'SIGTERM' : 'SIGWINCH')
    return this.stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #next(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  #hear(event: SupervisorEvent): void {
    if (event.type === 'serving') {
      this.urls = event.addresses.map(({ host, port, protocol }) => {
        const name =
          host === '' || host === '0.0.0.0'
            ? '127.0.0.1'
            : host === '::'
              ? '[::1]'
              : host.includes(':')
                ? `[${host}]`
                : host
        return `${protocol === 'https' ? 'https' : 'http'}://${name}:${port}`
      })
      this.#waiting?.resolve()
    } else if (event.type === 'kept') {
      this.#waiting?.reject(new Error(`serve: the restart was called off: ${event.reason}`))
    }
  }
}

/** The words of the command. What comes before the configuration holds where that says nothing else. */
function wordsFor(
  { configuration, file, serverRoot }: ServeOptions,
  defined: Readonly<Record<string, string>>,
  directory: string,
): string[] {
  const before = [
    ...Object.entries(defined).map(([name, value]) => `Define ${name} ${quote(value)}`),
    `PidFile ${quote(path.join(directory, 'httpd.pid'))}`,
    'ErrorLog /dev/stderr',
    'ServerName localhost',
  ]
  const root = serverRoot ?? (configuration === undefined ? undefined : process.cwd())
  const main = path.resolve(file ?? path.join(directory, 'httpd.conf'))
  if (configuration !== undefined) {
    writeFileSync(main, configuration, { mode: 0o600 })
  }
  return [
    '-f',
    main,
    ...(root === undefined ? [] : ['-d', path.resolve(root)]),
    ...before.flatMap((line) => ['-C', line]),
    '-DFOREGROUND',
  ]
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
