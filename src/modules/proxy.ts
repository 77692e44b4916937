/**
 * mod_proxy with mod_proxy_http and mod_proxy_wstunnel: URLs that a service beside this one answers. Translation maps them
 * (after rewriting, before `Alias`), the handler `proxy-server` forwards them. Clients cannot choose the backend: there is no forward proxy.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_proxy.html
 */
import {
  type Command,
  type Directive,
  directive,
  flag,
  iterate,
  type SectionDirective,
  take,
  take1,
  take2,
  take12,
} from '../config/directive.js'
import { compileRegex } from '../config/regex.js'
import { duration, oneOf } from './core/arguments.js'
import type { HttpdModule } from './module.js'
import { parseBackendOptions, parseBackendUrl } from './proxy/backend-url.js'
import { forward } from './proxy/forward.js'
import { translateName } from './proxy/mapping.js'
import { proxySections } from './proxy/sections.js'
import { type ProxyEntry, proxyDir, proxyServer, type ReverseEntry } from './proxy/settings.js'
import { compileSubstitution } from './substitution.js'

const SERVER_OR_SECTION = ['server', 'vhost', 'directory'] as const
const SERVER = ['server', 'vhost'] as const

/** The path of the plain `<Location>` around the directive. */
function locationPath(cmd: Command): string {
  const around = cmd.enclosing[0]
  if (around === undefined || !/^<location/i.test(around.name) || around.data !== 'plain')
    return cmd.fail(
      `${cmd.name}: the path can only be left out in a <Location> that is no pattern; ProxyPassMatch is for patterns`,
    )
  return cmd.words(around.text)[0] as string
}

/** The expression of the `<LocationMatch>` around the directive; of a plain `<Location>` its path, which httpd takes for one. */
function locationPattern(cmd: Command): string {
  const around = cmd.enclosing[0]
  if (around === undefined || !/^<location/i.test(around.name))
    return cmd.fail(`${cmd.name}: the expression can only be left out in a <Location> or <LocationMatch>`)
  const words = cmd.words(around.text)
  return (words[0] === '~' ? words[1] : words[0]) as string
}

function attempt<T>(cmd: Command, make: () => T): T {
  try {
    return make()
  } catch (error) {
    return cmd.fail((error as Error).message)
  }
}

/** Where the words after the path lead to, and how. */
function destination(cmd: Command, words: readonly string[]): Pick<ProxyEntry, 'to' | 'raw'> {
  const [url, ...rest] = words
  if (url === undefined) return cmd.fail(`${cmd.name}: the URL of the backend is missing`)
  const raw = rest.some((word) => word.toLowerCase() === 'nocanon')
  const pairs = rest.filter((word) => !/^(?:nocanon|noquery|interpolate)$/i.test(word))
  if (rest.some((word) => word.toLowerCase() === 'interpolate'))
    cmd.fail(`${cmd.name}: 'interpolate' is not supported; use RewriteRule with [P]`)
  if (url === '!') return { to: undefined, raw }
  return attempt(cmd, () => ({ to: parseBackendUrl(url, parseBackendOptions(pairs)), raw }))
}

function addPass(cmd: Command, words: readonly string[]): void {
  if (cmd.context === 'directory') {
    if (words[0]?.startsWith('/'))
      cmd.fail(`${cmd.name}|ProxyPassMatch can not have a path when defined in a location.`)
    const prefix = locationPath(cmd)
    cmd.dir.draft(proxyDir).entry = { source: { kind: 'prefix', prefix }, ...destination(cmd, words) }
    return
  }
  const [path = '', ...rest] = words
  if (!path.startsWith('/')) cmd.fail(`${cmd.name}: '${path}' is no URL path: it has to begin with a slash`)
  add(cmd, { source: { kind: 'prefix', prefix: path }, ...destination(cmd, rest) })
}

function addMatch(cmd: Command, words: readonly string[]): void {
  const isPlace = cmd.context === 'directory'
  if (isPlace && /^[/^]/.test(words[0] ?? ''))
    cmd.fail('ProxyPass|ProxyPassMatch can not have a path when defined in a location.')
  const [regex = '', ...rest] = isPlace ? [locationPattern(cmd), ...words] : words
  const pattern = attempt(cmd, () => compileRegex(regex))
  // The groups of the match go into the path alone, so that no request chooses the host.
  const { to, raw } = destination(cmd, rest)
  const entry: ProxyEntry = {
    source: { kind: 'pattern', pattern, fill: compileSubstitution(to?.path ?? '') },
    to,
    raw,
  }
  if (isPlace) cmd.dir.draft(proxyDir).entry = entry
  else add(cmd, entry)
}

function add(cmd: Command, entry: ProxyEntry): void {
  const draft = cmd.server.draft(proxyServer)
  draft.entries = [...(draft.entries ?? []), entry]
}

function addReverse(cmd: Command, first: string, second: string | undefined): void {
  const path = second === undefined ? locationPath(cmd) : first
  const entry: ReverseEntry = { path, url: (second ?? first).replace(/^unix:[^|]*\|/i, '') }
  const draft = cmd.dir.draft(proxyDir)
  draft.reverse = [...(draft.reverse ?? []), entry]
}

/** Switches of which one position is what is always done here. */
const fixed = (name: string, value: 'On' | 'Off', why: string, help: string): Directive =>
  directive({
    name,
    syntax: 'On|Off',
    contexts: SERVER_OR_SECTION,
    default: 'On',
    help,
    accepted: why,
    ...flag((cmd, on) => {
      if (on !== (value === 'On')) cmd.warn(`${name} ${on ? 'On' : 'Off'} has no effect: ${why}`)
    }),
  })

const directives: readonly (Directive | SectionDirective)[] = [
  ...proxySections,
  directive({
    name: 'ProxyPass',
    syntax: '[path] !|URL [key=value ...] [nocanon]',
    contexts: SERVER_OR_SECTION,
    help: 'a virtual path and a URL',
    ...take([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], addPass),
  }),
  directive({
    name: 'ProxyPassMatch',
    syntax: '[regex] !|URL [key=value ...]',
    contexts: SERVER_OR_SECTION,
    help: 'a virtual path and a URL',
    ...take([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], addMatch),
  }),
  directive({
    name: 'ProxyPassReverse',
    syntax: '[path] URL',
    contexts: SERVER_OR_SECTION,
    help: 'a virtual path and a URL for reverse proxy behaviour',
    ...take12(addReverse),
  }),
  ...(
    [
      ['ProxyPassReverseCookiePath', 'cookiePaths', 'internal-path public-path'],
      ['ProxyPassReverseCookieDomain', 'cookieDomains', 'internal-domain public-domain'],
    ] as const
  ).map(([name, property, syntax]) =>
    directive({
      name,
      syntax,
      contexts: SERVER_OR_SECTION,
      help: 'what the backend writes into its cookies, and what clients get',
      ...take2((cmd, from, to) => {
        const draft = cmd.dir.draft(proxyDir)
        draft[property] = [...(draft[property] ?? []), { from, to }]
      }),
    }),
  ),
  directive({
    name: 'ProxyPreserveHost',
    syntax: 'On|Off',
    contexts: SERVER_OR_SECTION,
    default: 'Off',
    help: 'on if we should preserve host header while proxying',
    ...flag((cmd, on) => {
      cmd.dir.draft(proxyDir).preserveHost = on
    }),
  }),
  directive({
    name: 'ProxyAddHeaders',
    syntax: 'On|Off',
    contexts: SERVER_OR_SECTION,
    default: 'On',
    help: 'on if X-Forwarded-* headers should be added or completed',
    ...flag((cmd, on) => {
      cmd.dir.draft(proxyDir).addHeaders = on
    }),
  }),
  directive({
    name: 'ProxyErrorOverride',
    syntax: 'On|Off [status ...]',
    contexts: SERVER_OR_SECTION,
    default: 'Off',
    help: 'use our error handling pages instead of the servers we are proxying',
    ...iterate((cmd, [word = '', ...statuses]) => {
      const on = oneOf(cmd, word, ['On', 'Off']) === 'On'
      for (const status of statuses)
        if (!/^[45]\d\d$/.test(status))
          cmd.fail(
            `${cmd.name}: '${status}' is no status of an error: the ones that can be named are 400 to 599`,
          )
      const named = new Set(statuses.map(Number))
      cmd.dir.draft(proxyDir).errorOverride = on ? (named.size > 0 ? named : 'all') : undefined
    }),
  }),
  directive({
    name: 'ProxyTimeout',
    syntax: 'seconds',
    contexts: SERVER,
    help: 'Set the timeout (in seconds) for a proxied connection. This overrides the server timeout',
    ...take1((cmd, word) => {
      const milliseconds = duration(cmd, word)
      if (milliseconds < 1000) cmd.fail('Proxy Timeout must be at least 1 second.')
      cmd.server.draft(proxyServer).timeout = milliseconds / 1000
    }),
  }),
  directive({
    name: 'ProxyPassInherit',
    syntax: 'On|Off',
    contexts: SERVER,
    default: 'On',
    help: 'whether a virtual host has the ProxyPass lines of the main server, too',
    ...flag((cmd, on) => {
      cmd.server.draft(proxyServer).inherit = on
    }),
  }),
  directive({
    name: 'ProxyVia',
    syntax: 'On|Off|Full|Block',
    contexts: SERVER,
    default: 'Off',
    help: 'Configure Via: proxy header header to one of: on | off | block | full',
    ...take1((cmd, word) => {
      cmd.server.draft(proxyServer).via = oneOf(cmd, word, ['off', 'on', 'full', 'block'])
    }),
  }),
  directive({
    name: 'ProxyRequests',
    syntax: 'Off',
    contexts: SERVER,
    default: 'Off',
    help: 'on if the true proxy requests should be accepted',
    ...flag((cmd, on) => {
      if (on)
        cmd.fail(
          'ProxyRequests On would make this server a forward proxy, which it is not. A reverse proxy needs ProxyPass alone',
        )
    }),
  }),
  fixed(
    'Proxy100Continue',
    'Off',
    'whether a client goes on is settled between it and this server, so that backends see no Expect',
    'on if 100-Continue should be forwarded to the origin server',
  ),
  fixed(
    'ProxyWebsocketFallbackToProxyHttp',
    'On',
    'requests to a ws:// backend that ask for no WebSocket are forwarded as they are',
    'whether requests without Upgrade go to a ws:// backend as HTTP',
  ),
  directive({
    name: 'ProxyBadHeader',
    syntax: 'IsError|Ignore|StartBody',
    contexts: SERVER,
    default: 'IsError',
    help: 'How to handle bad header line in response: IsError | Ignore | StartBody',
    accepted:
      'a response with a header that is none is always an error (502): anything else would let responses be split',
    ...take1((cmd, word) => {
      oneOf(cmd, word, ['IsError', 'Ignore', 'StartBody'])
    }),
  }),
  ...(
    [
      ['ProxyIOBufferSize', 'bytes', 'IO buffer size for outgoing HTTP and FTP connections in bytes'],
      [
        'ProxyReceiveBufferSize',
        'bytes',
        'Receive buffer size for outgoing HTTP and FTP connections in bytes',
      ],
      ['ProxyStatus', 'On|Off|Full', 'Configure Status: proxy status to one of: on | off | full'],
      ['ProxyMaxForwards', 'number', 'The default number of proxy-connect hops'],
    ] as const
  ).map(([name, syntax, help]) =>
    directive({
      name,
      syntax,
      contexts: SERVER,
      help,
      accepted: 'buffers are sized as they are needed, and only TRACE, which is not forwarded, counts hops',
      ...take1(() => {}),
    }),
  ),
]

export const proxy = {
  id: 'proxy_module',
  source: 'mod_proxy.c',
  directives,
  hooks: { translateName, handler: forward },
  needs: { translateName: [proxyServer, proxyDir] },
} satisfies HttpdModule

/** HTTP backends; all of it is in {@link proxy}. */
export const proxyHttp = {
  id: 'proxy_http_module',
  source: 'mod_proxy_http.c',
  directives: [],
} satisfies HttpdModule

/** WebSocket; all of it is in {@link proxy}. */
export const proxyWstunnel = {
  id: 'proxy_wstunnel_module',
  source: 'mod_proxy_wstunnel.c',
  directives: [],
} satisfies HttpdModule
