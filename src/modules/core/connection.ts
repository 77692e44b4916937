/**
 * Directives about connections and what a request may look like: time limits, keep-alive, sizes, protocol options.
 */
import {
  argv,
  type Directive,
  directive,
  flag,
  iterate,
  take,
  take1,
  take12,
} from '../../config/directive.js'
import { duration, oneOf, positiveInteger, wholeNumber } from './arguments.js'
import { type CoreDir, type CoreServer, coreDir, coreServer } from './settings.js'

const PROTOCOL_OPTIONS = [
  'Strict',
  'Unsafe',
  'RegisteredMethods',
  'LenientMethods',
  'Allow0.9',
  'Require1.0',
] as const

type NumberOf<T> = { [K in keyof T]: T[K] extends number ? K : never }[keyof T]

/** A limit of the server: one number of 0 or more. */
function serverLimit(name: string, property: NumberOf<CoreServer>, value: string, help: string): Directive {
  return directive({
    name,
    syntax: 'number',
    contexts: ['server', 'vhost'],
    default: value,
    help,
    ...take1((cmd, word) => {
      cmd.server.draft(coreServer)[property] = wholeNumber(cmd, word)
    }),
  })
}

/** `MaxRanges` and its kin: a number, `none`, `default` or `unlimited`. */
function rangeLimit(name: string, property: NumberOf<CoreDir>, normal: number, help: string): Directive {
  return directive({
    name,
    syntax: 'default | unlimited | none | number',
    contexts: ['server', 'vhost', 'directory'],
    default: String(normal),
    help,
    ...take1((cmd, word) => {
      const words: Readonly<Record<string, number>> = {
        none: 0,
        default: normal,
        unlimited: Number.MAX_SAFE_INTEGER,
      }
      cmd.dir.draft(coreDir)[property] = words[word.toLowerCase()] ?? wholeNumber(cmd, word)
    }),
  })
}

export const connectionDirectives: readonly Directive[] = [
  directive({
    name: 'Timeout',
    syntax: 'seconds',
    contexts: ['server', 'vhost'],
    default: '60',
    help: 'Timeout duration (sec)',
    ...take1((cmd, word) => {
      cmd.server.draft(coreServer).timeout = positiveInteger(cmd, word)
    }),
  }),
  directive({
    name: 'LimitRequestBody',
    syntax: 'bytes',
    contexts: ['server', 'vhost', 'directory', 'htaccess'],
    override: 'All',
    default: '1073741824',
    help: 'Limit (in bytes) on maximum size of request message body',
    ...take1((cmd, word) => {
      if (!/^\d+$/.test(word)) cmd.fail('LimitRequestBody requires a non-negative integer.')
      cmd.dir.draft(coreDir).limitRequestBody = wholeNumber(cmd, word)
    }),
  }),
  directive({
    name: 'LimitXMLRequestBody',
    syntax: 'bytes',
    contexts: ['server', 'vhost', 'directory', 'htaccess'],
    override: 'All',
    default: '1000000',
    help: 'Limit (in bytes) on maximum size of an XML-based request body',
    accepted: 'no module here reads XML bodies',
    ...take1((cmd, word) => {
      cmd.dir.draft(coreDir).limitXMLRequestBody = wholeNumber(cmd, word)
    }),
  }),
  serverLimit(
    'LimitRequestLine',
    'limitRequestLine',
    '8190',
    'Limit on maximum size of an HTTP request line',
  ),
  serverLimit(
    'LimitRequestFields',
    'limitRequestFields',
    '100',
    'Limit (0 = unlimited) on max number of header fields in a request message',
  ),
  serverLimit(
    'LimitRequestFieldSize',
    'limitRequestFieldSize',
    '8190',
    'Limit on maximum size of an HTTP request header field',
  ),
  directive({
    name: 'LimitInternalRecursion',
    syntax: 'number [number]',
    contexts: ['server', 'vhost'],
    default: '10',
    help: 'Maximum recursion depth of internal redirects and subrequests',
    ...take12((cmd, redirects, subrequests) => {
      const draft = cmd.server.draft(coreServer)
      draft.limitInternalRedirects = positiveInteger(cmd, redirects)
      draft.limitSubrequests = positiveInteger(cmd, subrequests ?? redirects)
    }),
  }),
  rangeLimit(
    'MaxRanges',
    'maxRanges',
    200,
    'Maximum number of Ranges in a request before returning the entire resource',
  ),
  rangeLimit('MaxRangeOverlaps', 'maxRangeOverlaps', 20, 'Maximum number of overlaps in Ranges'),
  rangeLimit('MaxRangeReversals', 'maxRangeReversals', 20, 'Maximum number of reversals in Ranges'),
  directive({
    name: 'HttpProtocolOptions',
    syntax: '[Strict|Unsafe] [RegisteredMethods|LenientMethods] [Allow0.9|Require1.0]',
    contexts: ['server', 'vhost'],
    default: 'Strict LenientMethods Require1.0',
    help: "'Allow0.9' or 'Require1.0'; 'RegisteredMethods' or 'LenientMethods'; 'Unsafe' or 'Strict'",
    ...iterate((cmd, words) => {
      const draft = cmd.server.draft(coreServer)
      for (const word of words) {
        const choice = oneOf(cmd, word, PROTOCOL_OPTIONS)
        const before = draft.protocol ?? coreServer.defaults.protocol
        if (choice === 'Unsafe')
          cmd.warn('HttpProtocolOptions Unsafe has no effect: requests are always parsed strictly')
        if (choice === 'Allow0.9')
          cmd.warn('HttpProtocolOptions Allow0.9 has no effect: HTTP/0.9 is always refused')
        draft.protocol = {
          strict: choice === 'Strict' || choice === 'Unsafe' ? choice === 'Strict' : before.strict,
          registeredMethods: choice.endsWith('Methods')
            ? choice === 'RegisteredMethods'
            : before.registeredMethods,
          http09: choice === 'Allow0.9' || (choice !== 'Require1.0' && before.http09),
        }
      }
    }),
  }),
  directive({
    name: 'Protocols',
    syntax: 'protocol ...',
    contexts: ['server', 'vhost'],
    default: 'http/1.1',
    help: 'Protocols available for a server/virtual host',
    ...iterate((cmd, words) => {
      const names = words.map((word) => word.toLowerCase())
      for (const name of names)
        if (!['http/1.1', 'h2', 'h2c'].includes(name))
          cmd.warn(`Protocols ${name}: h2, h2c and http/1.1 are served`, 'AH10085')
      cmd.server.draft(coreServer).protocols = names
    }),
  }),
  directive({
    name: 'ProtocolsHonorOrder',
    syntax: 'On|Off',
    contexts: ['server', 'vhost'],
    default: 'On',
    help: 'Whether the order of Protocols determines precedence during negotiation',
    ...flag((cmd, on) => {
      cmd.server.draft(coreServer).protocolsHonorOrder = on
    }),
  }),
  directive({
    name: 'Protocol',
    syntax: 'protocol',
    contexts: ['server', 'vhost'],
    help: 'Protocol that a listening socket speaks: http or https',
    accepted: 'every listener speaks HTTP; SSLEngine says which speaks it over TLS',
    ...take1((cmd, word) => void oneOf(cmd, word, ['http', 'https'])),
  }),
  directive({
    name: 'TraceEnable',
    syntax: 'on|off|extended',
    contexts: ['server', 'vhost'],
    default: 'on',
    help: "'on' (default), 'off' or 'extended' to trace request body content",
    ...take1((cmd, word) => {
      cmd.server.draft(coreServer).traceEnable = oneOf(cmd, word, ['on', 'off', 'extended'])
    }),
  }),
  directive({
    name: 'MergeTrailers',
    syntax: 'On|Off',
    contexts: ['server', 'vhost'],
    default: 'Off',
    help: 'Whether trailers are merged into the request headers',
    args: { kind: 'flag' },
    apply: (cmd, [word]) => {
      if (word === 'On') cmd.warn('MergeTrailers On has no effect: trailers are never merged into headers')
    },
  }),
  directive({
    name: 'RegisterHttpMethod',
    syntax: 'method [method [...]]',
    contexts: ['server'],
    help: 'Registers non-standard HTTP methods',
    accepted: 'every method that the HTTP parser knows is passed on',
    ...argv(() => {}),
  }),
  directive({
    name: 'AcceptFilter',
    syntax: 'protocol accept_filter',
    contexts: ['server'],
    help: 'Kernel filter for a kind of listening sockets',
    accepted: 'connections are accepted as they come, which costs nothing in an event loop',
    ...take([2], () => {}),
  }),
]

export const httpDirectives: readonly Directive[] = [
  directive({
    name: 'KeepAlive',
    syntax: 'On|Off',
    contexts: ['server', 'vhost'],
    default: 'On',
    help: 'Whether persistent connections should be On or Off',
    ...flag((cmd, on) => {
      cmd.server.draft(coreServer).keepAlive = on
    }),
  }),
  directive({
    name: 'KeepAliveTimeout',
    syntax: 'num[ms]',
    contexts: ['server', 'vhost'],
    default: '5',
    help: 'Keep-Alive timeout duration (sec)',
    ...take1((cmd, word) => {
      cmd.server.draft(coreServer).keepAliveTimeout = duration(cmd, word)
    }),
  }),
  serverLimit(
    'MaxKeepAliveRequests',
    'maxKeepAliveRequests',
    '100',
    'Maximum number of Keep-Alive requests per connection, or 0 for infinite',
  ),
]
