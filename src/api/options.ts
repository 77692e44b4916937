/**
 * What `mount` takes. Names, meanings and defaults are those of `WSGIDaemonProcess` and `wsgi-httpd start-server`, in camel case; docs/api.md is
 * made of this file.
 */
import type { RequestError } from './errors.js'
import type { AnyRequest, AnyResponse } from './http-types.js'

/** Levels of the log, most severe first. */
export type LogLevel = 'emerg' | 'alert' | 'crit' | 'error' | 'warn' | 'notice' | 'info' | 'debug'

/** One message of an application, or about one. */
export interface LogRecord {
  readonly level: LogLevel
  /** May have any characters that a client or the application chose. */
  readonly message: string
  /** Which part of the server says so: `wsgi` for everything about applications, `api` for the service's own part. */
  readonly module: string
  /** The Python process that the message names. */
  readonly pid?: number
  /** A stable code where the message has one, such as `WSGI0118`. */
  readonly code?: string
  /** The request that it is about. */
  readonly request?: {
    readonly method: string
    /** As sent, from the root of the service. */
    readonly url: string
    readonly remoteAddress: string
    /** The same as `mod_wsgi.request_id` in the environ. */
    readonly id: string
  }
}

/** Written as methods, so that a service may have its framework's types for requests and responses. */
interface Called {
  setEnv(request: AnyRequest): Readonly<Record<string, string | undefined>>
  onError(
    error: RequestError,
    request: AnyRequest,
    response: AnyResponse,
    next: (error?: unknown) => void,
  ): void
}
/** Makes variables of each request's environ. */
export type EnvironOf = Called['setEnv']
/** Answers a request that the application cannot. */
export type ErrorHandler = Called['onError']

/** Options of {@link mount}. `undefined` is the same as an option left out. Times are seconds, sizes bytes; 0 means no limit. */
export interface MountOptions {
  // The application
  /**
   * What to run: the path of a WSGI script (relative to the current directory, or a `file:` URL), or `package.module:callable` for an application
   * that is imported by name.
   */
  readonly application: string | URL
  /** Ends a `mount` that is not done yet: it is rejected with the signal's reason. `AbortSignal.timeout(30_000)` is a limit of time. */
  readonly signal?: AbortSignal | undefined
  /**
   * The name of the application object in the script.
   * @default 'application'
   */
  readonly callableObject?: string | undefined
  /**
   * URL path of the application below the place where the handler is mounted. Requests for other URLs go to `next`, or get 404.
   * @default '/'
   */
  readonly mountPoint?: string | undefined
  /**
   * Let a changed script take effect with the next request: the processes that have the old one finish their requests and are replaced. In production
   * `false` is safer: a new release counts from `reload()` on, and a broken one leaves the old processes at work.
   * @default true
   */
  readonly scriptReloading?: boolean | undefined
  /**
   * For development: restart the processes when the file of any loaded module changes, not only that of the script.
   * @default false
   */
  readonly reloadOnChanges?: boolean | undefined

  // Python
  /**
   * The Python to run: an executable, the directory of a virtual environment or of an installation, or a name such as `python3.12` that is looked up on
   * PATH.
   * @default the first `python3` on PATH
   */
  readonly python?: string | URL | undefined
  /** Further directories of the module path. */
  readonly pythonPath?: readonly string[] | undefined
  /**
   * Working directory, also on the module path.
   * @default the current one
   */
  readonly workingDirectory?: string | URL | undefined
  /**
   * Variables of the processes' environment (`os.environ`), beside those of this process; `undefined` takes one away. `NODE_OPTIONS` is not
   * passed on, and `HOME` is always that of the account.
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Variables of each request's environ, as by `SetEnv`: the same for all, or a function of the request, such as `(request) => ({ REMOTE_USER:
   * request.user?.name })`. What the server itself says there (`PATH_INFO`, `HTTP_…`, `wsgi.…`) they cannot say.
   */
  readonly setEnv?: Readonly<Record<string, string>> | EnvironOf | undefined
  /**
   * Locale of the application.
   * @default as inherited; C.UTF-8 instead of C
   */
  readonly locale?: string | undefined
  /** Filters for Python's warnings, as after `-W`. */
  readonly pythonWarnings?: readonly string[] | undefined
  /** Seconds between two changes of Python's running thread. */
  readonly switchInterval?: number | undefined

  // Processes
  /**
   * Python processes. With more than one, requests go to the least busy.
   * @default 1
   */
  readonly processes?: number | undefined
  /**
   * Threads of each process: requests that it answers at a time.
   * @default 5
   */
  readonly threads?: number | undefined
  /**
   * Requests after which a process is replaced.
   * @default 0
   */
  readonly maximumRequests?: number | undefined
  /**
   * Up to so many more of them, drawn by each process for itself.
   * @default 0
   */
  readonly maximumRequestsJitter?: number | undefined
  /**
   * Name of the process group, for logs and for the application.
   * @default the name of the script or module
   */
  readonly processGroup?: string | undefined
  /**
   * Application group: the interpreter in the process. `%{GLOBAL}` is the main one, where every extension module works.
   * @default '%{GLOBAL}'
   */
  readonly applicationGroup?: string | undefined
  /** Title of the processes in lists such as that of `ps`. */
  readonly displayName?: string | undefined
  /**
   * Account to run as. Needs a service that runs as root.
   * @default that of this process
   */
  readonly user?: string | undefined
  /** Group to run as, likewise. */
  readonly group?: string | undefined
  /** Permissions that new files do not get, in octal digits such as `'022'`. */
  readonly umask?: string | undefined
  /** Priority of the processes, from -20 (first) to 19. */
  readonly cpuPriority?: number | undefined
  /** Most memory for data of a process. */
  readonly memoryLimit?: number | undefined
  /** Most address space of a process. */
  readonly virtualMemoryLimit?: number | undefined
  /**
   * Memory of a process in RAM after which it is replaced (Linux).
   * @default 0
   */
  readonly residentMemoryLimit?: number | undefined
  /** Size of the threads' stacks. */
  readonly stackSize?: number | undefined

  // Limits of time
  /**
   * For a request to get a thread; then 504.
   * @default 45
   */
  readonly queueTimeout?: number | undefined
  /**
   * For a request, × (1 + ln(threads)); then what its thread does is logged and the process is replaced. The request gets 504 by `interruptTimeout`,
   * or else 502 when the process is gone: `shutdownTimeout` later where its thread does not stop.
   * @default 60
   */
  readonly requestTimeout?: number | undefined
  /**
   * Raise an exception in a request that takes too long first, and wait so long: it gets 504, and the process stays if that ends it.
   * @default 0
   */
  readonly interruptTimeout?: number | undefined
  /**
   * For requests to load an application that could not be loaded with its process (a changed script, say), counted from the first one; then the process is
   * replaced. It is no limit for `mount`, which waits as long as the imports take: see `signal`.
   * @default 15
   */
  readonly startupTimeout?: number | undefined
  /**
   * Without Python being able to run; then the process is replaced.
   * @default 60
   */
  readonly deadlockTimeout?: number | undefined
  /**
   * Without a byte from or for a client that is waited for, or from a process; then the request is given up.
   * @default 60
   */
  readonly socketTimeout?: number | undefined
  /**
   * For a process to become free; then 503.
   * @default 15
   */
  readonly connectTimeout?: number | undefined
  /**
   * Without a request; then the process is replaced.
   * @default 0
   */
  readonly inactivityTimeout?: number | undefined
  /**
   * Then the process is replaced.
   * @default 0
   */
  readonly restartInterval?: number | undefined
  /**
   * Seconds of processor time after which the process is replaced.
   * @default 0
   */
  readonly cpuTimeLimit?: number | undefined
  /**
   * For the requests of a process that is replaced, and of `close()`, to end.
   * @default 15
   */
  readonly gracefulTimeout?: number | undefined
  /**
   * For a process to stop. With `close()` it is 3 seconds at most.
   * @default 5
   */
  readonly shutdownTimeout?: number | undefined
  /** For a slow client to take something. */
  readonly responseSocketTimeout?: number | undefined

  // Requests and responses
  /**
   * Largest request body; beyond it 413.
   * @default 10485760
   */
  readonly limitRequestBody?: number | undefined
  /**
   * Take request bodies of unknown length; without it 411.
   * @default true
   */
  readonly chunkedRequest?: boolean | undefined
  /**
   * Let the application see the `Authorization` header.
   * @default true
   */
  readonly passAuthorization?: boolean | undefined
  /** Headers in which a proxy tells of the client, such as `X-Forwarded-For` and `X-Forwarded-Proto`. */
  readonly trustProxyHeader?: readonly string[] | undefined
  /**
   * Addresses and networks of the proxies that are believed, `unix` for all that comes through a UNIX socket. Without them every client is: name
   * them.
   */
  readonly trustProxy?: readonly string[] | undefined
  /**
   * Requests that may wait for a process, beyond its threads.
   * @default 100
   */
  readonly listenBacklog?: number | undefined
  /**
   * Of a response that waits in memory for a slow client, so that its thread is free again; 0: 1 MiB.
   * @default 0
   */
  readonly responseBufferSize?: number | undefined
  /**
   * Answers in place of the server's error page where there is nothing of the application's to send: it raised an exception (500), died (502) or took too
   * long (504), no process is free (503), the request cannot be taken (400, 408, 413). `(error, request, response, next) => next(error)` leaves
   * it to the error handlers of Express, Connect and their kin; without such a `next` it is the page.
   * @default an HTML page
   */
  readonly onError?: ErrorHandler | undefined

  // Logs
  /**
   * Takes what the application and its processes log: messages, tracebacks, standard output and error.
   * @default lines on standard error
   */
  readonly log?: ((record: LogRecord) => void) | undefined
  /**
   * Records less severe than this are dropped.
   * @default 'warn'
   */
  readonly logLevel?: LogLevel | undefined
}

/** Options that have a value when they are left out. */
export const DEFAULTS = {
  callableObject: 'application',
  mountPoint: '/',
  scriptReloading: true,
  reloadOnChanges: false,
  processes: 1,
  threads: 5,
  applicationGroup: '%{GLOBAL}',
  queueTimeout: 45,
  requestTimeout: 60,
  startupTimeout: 15,
  deadlockTimeout: 60,
  socketTimeout: 60,
  gracefulTimeout: 15,
  limitRequestBody: 10485760,
  chunkedRequest: true,
  passAuthorization: true,
  logLevel: 'warn',
} as const satisfies Partial<MountOptions>

/** What may be written as a `file:` URL. */
export const PATHS = ['application', 'python', 'workingDirectory'] as const

type Given<K extends keyof MountOptions> = K extends (typeof PATHS)[number]
  ? Exclude<MountOptions[K], URL | undefined>
  : Exclude<MountOptions[K], undefined>

/** Options with every default filled in, and paths for URLs. */
export type Chosen = { readonly [K in keyof MountOptions]: Given<K> } & {
  readonly [K in keyof typeof DEFAULTS]-?: Given<K>
}
