/**
 * The options of `start-server` and `setup-server`, as data: names and meanings are those of mod_wsgi-express.
 * https://modwsgi.readthedocs.io/en/master/user-guides/mod_wsgi-express.html
 */

export interface Option {
  /** Without the leading `--`. */
  readonly name: string
  /** What the help calls its words; none: a switch. */
  readonly words: readonly string[]
  /** May be given several times. */
  readonly many?: true
  /** What holds when it is not given, for the help page. */
  readonly default?: string
  readonly help: string
  /** Looks at the words; answers what is wrong with them. */
  readonly check?: (words: readonly string[]) => string | undefined
}

export interface OptionGroup {
  readonly title: string
  readonly options: readonly Option[]
}

type Rest = Omit<Option, 'name' | 'words'>

function option(name: string, words: string, help: string, rest: Omit<Rest, 'help'> = {}): Option {
  return { name, words: words === '' ? [] : words.split(' '), help, ...rest }
}

const MANY = { many: true } as const
const COUNT = { check: ([word = '']: readonly string[]) => integer(word, 0) } as const
const POSITIVE = { check: ([word = '']: readonly string[]) => integer(word, 1) } as const

function integer(word: string, minimum: number, maximum = Number.MAX_SAFE_INTEGER): string | undefined {
  const valid = /^\d{1,15}$/.test(word) && Number(word) >= minimum && Number(word) <= maximum
  return valid ? undefined : `must be a whole number from ${minimum}${maximum < 1e9 ? ` to ${maximum}` : ''}`
}

function oneOf(...allowed: string[]): Omit<Rest, 'help'> {
  return {
    check: ([word = '']) => (allowed.includes(word) ? undefined : `must be one of ${allowed.join(', ')}`),
  }
}

function urlPath([word = '']: readonly string[]): string | undefined {
  return word.startsWith('/') ? undefined : 'must begin with /'
}

export const OPTION_GROUPS: readonly OptionGroup[] = [
  {
    title: 'Where the server listens',
    options: [
      option('port', 'NUMBER', 'port', {
        default: '8000',
        check: ([word = '']) => integer(word, 1, 65535),
      }),
      option('host', 'ADDRESS', 'address to listen on', { default: 'all' }),
      option('server-name', 'NAME', 'answer requests for this host name; others get 403'),
      option('server-alias', 'NAME', 'a further name, * and ? allowed', MANY),
      option('allow-localhost', '', 'with --server-name: answer localhost as well'),
    ],
  },
  {
    title: 'The application',
    options: [
      option(
        'application-type',
        'TYPE',
        'what SCRIPT is: script (a file), module (an import name) or static (a directory)',
        {
          default: 'script',
          ...oneOf('script', 'module', 'static'),
        },
      ),
      option('entry-point', 'NAME', 'the same as SCRIPT'),
      option('callable-object', 'NAME', 'name of the application object', { default: 'application' }),
      option('mount-point', 'URL', 'URL path of the application', { default: '/', check: urlPath }),
      option('working-directory', 'DIRECTORY', 'working directory, also on the module path', {
        default: 'the current one',
      }),
      option('python-home', 'DIRECTORY', 'virtual environment or installation of Python to use'),
      option('python-path', 'DIRECTORY', 'a further directory of the module path', MANY),
      option('python-eggs', 'DIRECTORY', 'where eggs are unpacked'),
      option('python-warnings', 'SPEC', "a filter for Python's warnings", MANY),
      option('application-group', 'NAME', 'application group', { default: '%{GLOBAL}' }),
      option('process-group', 'NAME', 'name of the daemon process group', { default: 'HOST:PORT' }),
      option('setenv', 'NAME VALUE', "sets a variable in each request's environ", MANY),
      option('passenv', 'NAME', 'passes a variable of the process to each request', MANY),
      option('locale', 'NAME', 'locale of the application', { default: 'as inherited; UTF-8 instead of C' }),
      option('chunked-request', '', 'accept request bodies of unknown length'),
      option('enable-sendfile', '', 'send files of wsgi.file_wrapper with the fastest means'),
      option('map-head-to-get', 'WHEN', 'show HEAD requests as GET', {
        default: 'Auto',
        ...oneOf('On', 'Off', 'Auto'),
      }),
      option('disable-reloading', '', 'do not restart when SCRIPT changes'),
      option('reload-on-changes', '', 'restart when any loaded module changes (for development)'),
    ],
  },
  {
    title: 'Processes',
    options: [
      option('processes', 'NUMBER', 'daemon processes', { default: '1', ...POSITIVE }),
      option('threads', 'NUMBER', 'threads of each process', { default: '5', ...POSITIVE }),
      option('embedded-mode', '', 'run the application inside the server processes; no daemon processes'),
      option('user', 'NAME', 'account to run as; needed when started as root'),
      option('group', 'NAME', 'group to run as', { default: "the account's own" }),
      option('process-name', 'TITLE', 'title of the daemon processes', { default: '(wsgi:HOST:PORT:UID)' }),
      option('maximum-requests', 'NUMBER', 'requests after which a process is replaced; 0: never', {
        default: '0',
        ...COUNT,
      }),
      option('shutdown-timeout', 'SECONDS', 'for a process to stop', { default: '5', ...COUNT }),
      option('graceful-timeout', 'SECONDS', 'for requests to end when a process is replaced', {
        default: '15',
        ...COUNT,
      }),
      option('switch-interval', 'SECONDS', 'how often Python changes threads'),
    ],
  },
  {
    title: 'Connections and requests',
    options: [
      option('limit-request-body', 'BYTES', 'largest request body; 0: no limit', {
        default: '10485760',
        ...COUNT,
      }),
      option('keep-alive-timeout', 'SECONDS', 'to wait for the next request; 0: close at once', {
        default: '2',
        ...COUNT,
      }),
      option('socket-timeout', 'SECONDS', 'without a byte read or written', { default: '60', ...POSITIVE }),
      option('connect-timeout', 'SECONDS', 'to reach a daemon process', { default: '15', ...COUNT }),
      option('server-backlog', 'NUMBER', 'connections that may wait to be accepted', {
        default: '500',
        ...POSITIVE,
      }),
      option('header-timeout', 'SECONDS', 'to send a request header; 0: no limit', {
        default: '15',
        ...COUNT,
      }),
      option('header-max-timeout', 'SECONDS', 'the same for a client that keeps sending', {
        default: '30',
        ...COUNT,
      }),
      option('header-min-rate', 'BYTES', 'per second that count as sending', { default: '500', ...COUNT }),
      option('body-timeout', 'SECONDS', 'to send a request body; 0: no limit', { default: '15', ...COUNT }),
      option('body-max-timeout', 'SECONDS', 'the same for a client that keeps sending; 0: no limit', {
        default: '0',
        ...COUNT,
      }),
      option('body-min-rate', 'BYTES', 'per second that count as sending', { default: '500', ...COUNT }),
      option('error-document', 'STATUS URL', 'page for a status', {
        many: true,
        check: ([status = '', url = '']) =>
          /^[45]\d\d$/.test(status) ? urlPath([url]) : 'needs a status from 400 to 599',
      }),
      option('error-override', '', "use those pages for the application's own errors too"),
    ],
  },
  {
    title: 'Files',
    options: [
      option('url-alias', 'URL PATH', 'serves a file or directory at URL', { many: true, check: urlPath }),
      option('directory-index', 'FILE', 'for static sites: file served for a directory', {
        default: 'index.html',
      }),
      option('directory-listing', '', 'for static sites: list directories without such a file'),
      option('allow-override', 'CLASS', 'for static sites: what .htaccess files may set', {
        many: true,
        default: 'None',
      }),
    ],
  },
  {
    title: 'Logs',
    options: [
      option('log-directory', 'DIRECTORY', 'where the logs are', { default: 'the server root' }),
      option('log-to-terminal', '', 'log to the terminal'),
      option('log-level', 'LEVEL', 'error log level, as in LogLevel', { default: 'warn' }),
      option('error-log-name', 'NAME', 'file name of the error log', { default: 'error_log' }),
      option('error-log-format', 'FORMAT', 'as in ErrorLogFormat'),
      option('access-log', '', 'write an access log'),
      option('access-log-name', 'NAME', 'its file name', { default: 'access_log' }),
      option('access-log-format', 'FORMAT', 'common, combined or a format as in LogFormat', {
        default: 'common',
      }),
    ],
  },
  {
    title: 'The server',
    options: [
      option('server-root', 'DIRECTORY', 'where the configuration is written', {
        default: '$TMPDIR or /tmp, wsgi-httpd-HOST:PORT:UID',
      }),
      option('pid-file', 'FILE', 'file for the process id', { default: 'httpd.pid in the server root' }),
      option('include-file', 'FILE', 'configuration to include at the end', MANY),
      option('setup-only', '', 'write the configuration, start nothing'),
    ],
  },
]

export const OPTIONS: readonly Option[] = OPTION_GROUPS.flatMap((group) => group.options)

/**
 * Options of mod_wsgi-express for which the server lacks what they ask for. They are refused by name: a limit or a guard that silently
 * does nothing would be worse than none.
 */
export const NOT_YET: ReadonlySet<string> = new Set(
  `http2 https-port ssl-port ssl-certificate ssl-certificate-file ssl-certificate-key-file ssl-ca-certificate-file
  ssl-verify-client ssl-certificate-chain-file ssl-environment https-only hsts-policy
  max-clients initial-workers minimum-spare-workers maximum-spare-workers
  startup-timeout restart-interval cpu-time-limit eviction-timeout deadlock-timeout inactivity-timeout ignore-activity
  request-timeout interrupt-timeout queue-timeout proxy-timeout
  daemon-backlog send-buffer-size receive-buffer-size header-buffer-size response-buffer-size
  response-socket-timeout response-flush-delay
  proxy-mount-point proxy-url-alias proxy-virtual-host trust-proxy-header trust-proxy compress-responses
  server-metrics server-status telemetry-service enable-telemetry telemetry-ui-port telemetry-interval telemetry-options
  slow-requests free-threading
  host-access-script auth-user-script auth-type auth-group-script auth-group
  document-root rewrite-rules envvars-script startup-log startup-log-name rotate-logs max-log-size rotatelogs-executable
  add-handler with-cgi with-php5 service-script service-user service-group service-log-file
  orphan-interpreter enable-docs debug-mode enable-debugger debugger-startup enable-coverage coverage-directory
  enable-profiler profiler-directory enable-recorder recorder-directory enable-gdb gdb-executable`
    .split(/\s+/)
    .filter(Boolean),
)

/** Options of mod_wsgi-express that have no meaning here, and why. Refused with that reason. */
export const NOT_OURS: Readonly<Record<string, string>> = {
  'server-mpm': 'there is one kind of server process',
  'httpd-executable': 'there is no other server program',
  'modules-directory': 'all modules are part of the program',
  'shell-executable': 'no shell is used',
  'mime-types': 'media types are built in; use --include-file with AddType for more',
  'socket-prefix': 'sockets are kept in a private directory',
  'verbose-debugging': 'use --log-level debug',
}
