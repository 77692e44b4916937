/**
 * The options of `start-server` and `setup-server`, as data: names and meanings are those of mod_wsgi-express.
 * https://modwsgi.readthedocs.io/en/master/user-guides/mod_wsgi-express.html
 */
import {
  backend,
  count,
  HOST_NAME,
  HOST_PATTERN,
  like,
  listenAddress,
  logLevels,
  MANY,
  NAME,
  type Option,
  type OptionGroup,
  oneOf,
  option,
  PORT,
  seconds,
  urlPath,
  VARIABLE,
  zeroOr,
} from './option.js'

export const OPTION_GROUPS: readonly OptionGroup[] = [
  {
    title: 'Where the server listens',
    options: [
      option('port', 'NUMBER', 'port', { default: '8000', ...PORT }),
      option('host', 'ADDRESS', 'address to listen on', { default: 'all', check: listenAddress }),
      option('server-name', 'NAME', 'answer requests for this host name; others get 403', HOST_NAME),
      option('server-alias', 'NAME', 'a further name, * and ? allowed', { ...MANY, ...HOST_PATTERN }),
      option('allow-localhost', '', 'with --server-name: answer localhost as well'),
      option('http2', '', 'speak HTTP/2 with clients that can'),
    ],
  },
  {
    title: 'TLS',
    options: [
      option('https-port', 'NUMBER', 'a second port, for https', { alias: 'ssl-port', ...PORT }),
      option('ssl-certificate', 'BASE', 'BASE.crt and BASE.key are the certificate and its key'),
      option('ssl-certificate-file', 'FILE', 'the certificate, with intermediate ones after it'),
      option('ssl-certificate-key-file', 'FILE', 'its key'),
      option('ssl-certificate-chain-file', 'FILE', 'intermediate certificates, if they are elsewhere'),
      option('ssl-ca-certificate-file', 'FILE', 'ask clients for a certificate that one of these has signed'),
      option('ssl-verify-client', 'URL', 'ask for it only here', { many: true, check: urlPath }),
      option('ssl-environment', '', 'SSL_* variables in the environ'),
      option('https-only', '', 'send clients from http to https; needs --server-name'),
      option('hsts-policy', 'POLICY', 'with --https-only: Strict-Transport-Security, e.g. max-age=31536000'),
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
      option('callable-object', 'NAME', 'name of the application object', {
        default: 'application',
        ...like(/^[A-Za-z_]\w*$/, 'must be a name without dots, such as application'),
      }),
      option('mount-point', 'URL', 'URL path of the application', { default: '/', check: urlPath }),
      option('working-directory', 'DIRECTORY', 'working directory, also on the module path', {
        default: 'the current one',
      }),
      option('python-home', 'DIRECTORY', 'virtual environment or installation of Python to use'),
      option('python-path', 'DIRECTORY', 'a further directory of the module path', MANY),
      option('python-eggs', 'DIRECTORY', 'where eggs are unpacked'),
      option('python-warnings', 'SPEC', "a filter for Python's warnings", MANY),
      option('application-group', 'NAME', 'application group', { default: '%{GLOBAL}', ...NAME }),
      option('process-group', 'NAME', 'name of the daemon process group', { default: 'HOST:PORT', ...NAME }),
      option('setenv', 'NAME VALUE', "sets a variable in each request's environ", { ...MANY, ...VARIABLE }),
      option('passenv', 'NAME', 'passes a variable of the process to each request', { ...MANY, ...VARIABLE }),
      option('envvars-script', 'FILE', 'shell script that sets variables for all processes'),
      option('locale', 'NAME', 'locale of the application', {
        alias: 'lang',
        default: 'as inherited; UTF-8 instead of C',
      }),
      option('chunked-request', '', 'accept request bodies of unknown length'),
      option('enable-sendfile', '', 'send files of wsgi.file_wrapper with the fastest means'),
      option('map-head-to-get', 'WHEN', 'show HEAD requests as GET', {
        default: 'Auto',
        ...oneOf('On', 'Off', 'Auto', 'ON', 'OFF', 'AUTO'),
      }),
      option('disable-reloading', '', 'do not restart when SCRIPT changes'),
      option('reload-on-changes', '', 'restart when any loaded module changes (for development)'),
    ],
  },
  {
    title: 'Processes',
    options: [
      count('processes', 'NUMBER', 'daemon processes', '1', 1),
      count('threads', 'NUMBER', 'threads of each process', '5', 1, 65533),
      option('embedded-mode', '', 'run the application inside the server processes; no daemon processes'),
      option('user', 'NAME', 'account to run as; needed when started as root'),
      option('group', 'NAME', 'group to run as', { default: "the account's own" }),
      option('process-name', 'TITLE', 'title of the daemon processes', { default: '(wsgi:HOST:PORT:UID)' }),
      count('maximum-requests', 'NUMBER', 'requests after which a process is replaced; 0: never', '0'),
      option(
        'switch-interval',
        'SECONDS',
        'how often Python changes threads',
        like(/^(?=.*[1-9])\d{1,9}(\.\d{1,9})?$/, 'must be a number of seconds greater than 0'),
      ),
      option('orphan-interpreter', '', 'end processes without taking Python down in order'),
      option('free-threading', '', 'run Python without its global lock, where it can'),
      option('server-metrics', '', "let the application see the processes' numbers"),
      option('service-script', 'NAME FILE', 'a process of its own for a script that serves no requests', {
        ...MANY,
        ...NAME,
      }),
      option('service-user', 'NAME USER', 'account of that process, when started as root', MANY),
      option('service-group', 'NAME GROUP', 'its group', MANY),
      option('service-log-file', 'NAME FILE', 'an error log of its own', MANY),
    ],
  },
  {
    title: 'Limits of time for processes (0: none)',
    options: [
      count('startup-timeout', 'SECONDS', 'for the application to be loaded', '15'),
      count('request-timeout', 'SECONDS', 'for a request; × (1 + ln(threads))', '60'),
      count('interrupt-timeout', 'SECONDS', 'raise an exception in it first, and wait so long', '0'),
      count('queue-timeout', 'SECONDS', 'for a request to get a thread', '45'),
      count('deadlock-timeout', 'SECONDS', 'without Python being able to run', '60'),
      count('inactivity-timeout', 'SECONDS', 'without a request; then the process is replaced', '0'),
      option('ignore-activity', 'URL', 'requests here do not count for that', { many: true, check: urlPath }),
      count('restart-interval', 'SECONDS', 'then the process is replaced', '0'),
      count('cpu-time-limit', 'SECONDS', 'of processor time; then the process is replaced', '0'),
      count('shutdown-timeout', 'SECONDS', 'for a process to stop', '5'),
      count('graceful-timeout', 'SECONDS', 'for requests to end when a process is replaced', '15'),
      count('eviction-timeout', 'SECONDS', 'the same when a signal asked for it', '0'),
    ],
  },
  {
    title: 'Connections and requests',
    options: [
      count('max-clients', 'NUMBER', 'requests at a time, over all', 'MaxRequestWorkers', 1),
      count('limit-request-body', 'BYTES', 'largest request body; 0: no limit', '10485760'),
      count('keep-alive-timeout', 'SECONDS', 'to wait for the next request; 0: close at once', '2'),
      count('socket-timeout', 'SECONDS', 'without a byte read or written', '60', 1),
      count('connect-timeout', 'SECONDS', 'to reach a daemon process', '15'),
      count('server-backlog', 'NUMBER', 'connections that may wait to be accepted', '500', 1),
      count('daemon-backlog', 'NUMBER', 'requests that may wait in a daemon process', '100', 1),
      count('header-timeout', 'SECONDS', 'to send a request header; 0: no limit', '15'),
      count('header-max-timeout', 'SECONDS', 'the same for a client that keeps sending', '30'),
      count('header-min-rate', 'BYTES', 'per second that count as sending', '500'),
      count('body-timeout', 'SECONDS', 'to send a request body; 0: no limit', '15'),
      count('body-max-timeout', 'SECONDS', 'the same for a client that keeps sending; 0: no limit', '0'),
      count('body-min-rate', 'BYTES', 'per second that count as sending', '500'),
      count('response-socket-timeout', 'SECONDS', 'for a slow client to take something', '--socket-timeout'),
      count('response-flush-delay', 'MILLISECONDS', 'to wait for more of a streamed response', 'none'),
      option('send-buffer-size', 'BYTES', "of the daemon processes' sockets", zeroOr(512)),
      option('receive-buffer-size', 'BYTES', 'the same for receiving', zeroOr(512)),
      option('header-buffer-size', 'BYTES', 'longest header line of a response', zeroOr(8192)),
      option('response-buffer-size', 'BYTES', 'of a response that may wait for a slow client', zeroOr(65536)),
      option('compress-responses', '', 'compress text, style sheets, scripts, JSON and XML'),
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
      option('document-root', 'DIRECTORY', 'its files are served, and all else goes to the application'),
      option('directory-index', 'FILE', 'file served for a directory of the document root', {
        default: 'index.html for static sites',
      }),
      option('directory-listing', '', 'for static sites: list directories without such a file'),
      option('allow-override', 'CLASS', 'what .htaccess files in the document root may set', {
        many: true,
        default: 'None',
        ...like(
          /^(All|None|AuthConfig|FileInfo|Indexes|Limit|Options(=\S+)?|Nonfatal=\w+)$/i,
          'must be All, None, AuthConfig, FileInfo, Indexes, Limit, Options or Nonfatal=All',
        ),
      }),
      option('add-handler', 'EXTENSION SCRIPT', 'has files of the document root handled by a WSGI script', {
        many: true,
        check: ([extension = '']) =>
          /^\.?[\w-]+$/.test(extension) ? undefined : 'needs an extension such as .txt',
      }),
      option('mime-types', 'FILE', 'media types by extension, in the form of /etc/mime.types', {
        default: 'built in',
      }),
    ],
  },
  {
    title: 'Access',
    options: [
      option('host-access-script', 'FILE', 'allow_access(environ, host) in FILE says which clients may come'),
      option('auth-user-script', 'FILE', 'check_password(environ, user, password) in FILE checks log-ins'),
      option('auth-type', 'TYPE', 'how browsers ask for the password', {
        default: 'Basic',
        ...oneOf('Basic', 'Digest'),
      }),
      option('auth-group-script', 'FILE', 'groups_for_user(environ, user) in FILE'),
      option('auth-group', 'NAME', 'the group that users must be in', { default: 'wsgi' }),
      option('server-status', '', 'the page /server-status, for clients on this machine'),
    ],
  },
  {
    title: 'Proxies',
    options: [
      option('proxy-mount-point', 'URL BACKEND', 'hands requests below URL to another server', {
        many: true,
        alias: 'proxy-url-alias',
        check: (words) => urlPath(words) ?? backend(words),
      }),
      option('proxy-virtual-host', 'NAME BACKEND', 'hands requests for a host name to another server', {
        many: true,
        check: (words) => HOST_NAME.check?.(words) ?? backend(words),
      }),
      count('proxy-timeout', 'SECONDS', 'for such a server to answer', '--socket-timeout', 1),
      option('trust-proxy', 'ADDRESS', 'a proxy in front of this server, or its subnet', MANY),
      option('trust-proxy-header', 'NAME', 'a header in which it tells of the client', {
        ...MANY,
        ...like(/^[\w-]+$/, 'must be the name of a header'),
      }),
    ],
  },
  {
    title: 'Logs',
    options: [
      option('log-directory', 'DIRECTORY', 'where the logs are', { default: 'the server root' }),
      option('log-to-terminal', '', 'log to the terminal'),
      option('log-level', 'LEVEL', 'error log level, as in LogLevel', { default: 'warn', check: logLevels }),
      option('error-log-name', 'NAME', 'file name of the error log', { default: 'error_log' }),
      option('error-log-format', 'FORMAT', 'as in ErrorLogFormat'),
      option('access-log', '', 'write an access log'),
      option('access-log-name', 'NAME', 'its file name', { default: 'access_log' }),
      option('access-log-format', 'FORMAT', 'common, combined or a format as in LogFormat', {
        default: 'common',
      }),
      option('startup-log', '', 'write messages of the start to a file'),
      option('startup-log-name', 'NAME', 'its file name', { default: 'startup_log' }),
      option('rotate-logs', '', 'begin new log files when they are large, with the program rotatelogs'),
      count('max-log-size', 'MB', 'that is large', '5', 1),
      option('rotatelogs-executable', 'FILE', 'where that program is', { default: 'found on PATH' }),
    ],
  },
  {
    title: 'Telemetry',
    options: [
      option('telemetry-service', 'TARGET', 'send the metrics of all Python processes to unix:/path', {
        check: ([target = '']) => (/^unix:\/./.test(target) ? undefined : 'must begin with unix:/'),
      }),
      option('telemetry-interval', 'SECONDS', 'how often', { default: '1', ...seconds(0.5) }),
      option('telemetry-options', 'FLAGS', 'what is sent beyond the usual, as in WSGITelemetryOptions', {
        many: true,
        check: ([flags = '']) =>
          /^[+-]?\w+( [+-]?\w+)*$/.test(flags) ? undefined : 'needs words like +CaptureUserAgent',
      }),
      option('slow-requests', 'SECONDS', 'report requests that take longer one by one', seconds(0)),
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
