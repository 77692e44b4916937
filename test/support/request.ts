/**
 * Requests made of literals, for tests of hooks: no sockets, no files, a configuration given as text.
 */
import type { Stats } from 'node:fs'
import { Settings } from '../../src/config/settings.js'
import type { Section, Site } from '../../src/config/site.js'
import type { ErrorLog, Level } from '../../src/log/error-log.js'
import { modules } from '../../src/modules/index.js'
import { type Connection, type Dispatch, Request } from '../../src/request/request.js'
import { incomingOf, outgoingOf } from './messages.js'
import { siteOf } from './site.js'

/** What would have been written to the error log. */
export interface LogRecord {
  readonly module: string
  readonly level: Level
  readonly message: string
  readonly code: string
}

export interface RequestFacts {
  /** As the request line has it; default `/`. Path and query are taken from it. */
  readonly url?: string
  readonly method?: string
  /** Names and values in turn. */
  readonly headers?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly connection?: Partial<Connection>
  /** The host asked for, with a port or without. */
  readonly host?: string
  readonly filename?: string
  readonly is?: 'file' | 'directory'
  readonly pathInfo?: string
  readonly user?: string
  /** Answers look-ups by the URL asked for. */
  readonly lookUp?: (url: string, from: Request) => Request | Promise<Request>
  readonly startedAt?: number
  /** Modification time of the file, in milliseconds since the epoch. */
  readonly modified?: number
}

export interface MadeRequest extends Request {
  /** What was logged, at every level. */
  readonly records: LogRecord[]
  /** Bodies that were sent. */
  readonly sent: (string | Uint8Array)[]
}

const CONNECTION: Connection = {
  id: 'test',
  remoteAddress: '192.0.2.1',
  remotePort: 5060,
  localAddress: '192.0.2.9',
  localPort: 80,
  secure: false,
  listenerHost: '',
  listenerPort: 80,
  keepalives: 0,
  aborted: false,
}

/**
 * A request to the main server of a configuration (its first virtual host, where there is one).
 * @param conf text of a configuration with all modules, or a site. The settings of its `Directory`, `Files` and `Location` sections are merged in
 * their order where they match the file name and the URL path.
 */
export function makeRequest(conf: string | Site, facts: RequestFacts = {}): MadeRequest {
  const site = typeof conf === 'string' ? siteOf(conf, modules) : conf
  const server = site.virtualHosts[0] ?? site.main
  const { url = '/', method = 'GET', headers = [], host = '' } = facts
  const records: LogRecord[] = []
  const sent: (string | Uint8Array)[] = []
  const request = new Request(
    { ...CONNECTION, ...facts.connection },
    server,
    incomingOf({ rawHeaders: [...headers] }),
    outgoingOf(),
    recorder(records),
  )
  const at = url.indexOf('?')
  request.method = method
  request.target = url
  request.path = at < 0 ? url : url.slice(0, at)
  request.query = at < 0 ? undefined : url.slice(at + 1)
  const [, hostname = '', port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? []
  request.hostname = hostname
  request.hostPort = port === undefined ? 0 : Number(port)
  request.filename = facts.filename ?? ''
  request.pathInfo = facts.pathInfo ?? ''
  if (facts.is !== undefined) request.finfo = stats(facts.is, facts.modified ?? 0)
  request.user = facts.user
  for (const [name, value] of Object.entries(facts.env ?? {})) request.env.set(name, value)
  request.dir = settingsFor(request)
  request.dispatch = dispatchOf(facts, sent)
  const made = Object.assign(request, { records, sent })
  if (facts.startedAt !== undefined) Object.assign(request, { startedAt: facts.startedAt })
  return made
}

function dispatchOf(facts: RequestFacts, sent: (string | Uint8Array)[]): Dispatch {
  return {
    lookUp: (from, asked) => {
      if (facts.lookUp === undefined) throw new Error(`this test expects no look-up (of ${asked})`)
      return facts.lookUp(asked, from)
    },
    lookUpFile: (_, filename) => {
      throw new Error(`this test expects no look-up of the file ${filename}`)
    },
    redirect: (_, url) => {
      throw new Error(`this test expects no internal redirect to ${url}`)
    },
    send: (_, body) => {
      sent.push(body)
    },
  }
}

function recorder(records: LogRecord[]): ErrorLog {
  return {
    request: (_, module, level, message, code = '') => records.push({ module, level, message, code }),
    server: (module, level, message, code = '') => records.push({ module, level, message, code }),
    admits: () => true,
  }
}

/** Of a file or directory; enough for what modules ask. */
export function stats(kind: 'file' | 'directory', modified = 0): Stats {
  return {
    isFile: () => kind === 'file',
    isDirectory: () => kind === 'directory',
    mtimeMs: modified,
    size: 0,
  } as unknown as Stats
}

/** The walks' result for tests: every section whose place is the request's or above it, in order. */
function settingsFor(request: Request): Settings {
  const { sections, dir } = request.server
  const places = ancestors(request.filename)
  const name = request.filename.slice(request.filename.lastIndexOf('/') + 1)
  const applied: Section[] = [
    ...sections.directory.filter((section) => places.some((place) => section.matches(place))),
    ...sections.files.filter((section) => section.matches(name)),
    ...sections.location.filter((section) => section.matches(request.path)),
  ]
  return applied.reduce((merged, section) => Settings.merge(merged, section.settings), dir)
}

function ancestors(path: string): string[] {
  const places: string[] = []
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) places.push(path.slice(0, at + 1))
  places.push(`${path}/`)
  return places
}
