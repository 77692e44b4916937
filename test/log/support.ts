/** Servers, sites, requests and commands for tests of the logs, made without a configuration file and without a network. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import type { Command, Context, Directive } from '../../src/config/directive.js'
import { Settings } from '../../src/config/settings.js'
import type { ServerConfig, Site } from '../../src/config/site.js'
import { splitWords } from '../../src/config/words.js'
import type { ServerNames } from '../../src/log/names.js'
import { stderrLog } from '../../src/log/server-log.js'
import { loggingDirectives } from '../../src/modules/core/logging.js'
import { logConfig, logio } from '../../src/modules/log-config.js'
import { ModuleRegistry } from '../../src/modules/module-registry.js'
import { vocabulary } from '../../src/modules/registry.js'
import { type Connection, Request } from '../../src/request/request.js'
import { incomingOf, outgoingOf } from '../support/messages.js'

// All expected lines are in UTC; set before the first Date of this process.
process.env.TZ = 'UTC'

export const names: ServerNames = {
  serverName: () => 'main.example',
  canonicalName: (request) => request.hostname || 'main.example',
  serverPort: () => 8191,
}

const DIRECTIVES = new Map(
  [...loggingDirectives, ...logConfig.directives, ...logio.directives].map((directive) => [
    directive.name.toLowerCase(),
    directive as Directive,
  ]),
)

export interface Scope {
  readonly server: Settings
  readonly main?: Settings
  readonly dir?: Settings
  readonly context?: Context
}

/** Applies lines of configuration to settings; throws the directive's message. */
export function applyLines(text: string, scope: Scope): void {
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return
    const [name = '', ...words] = splitWords(line)
    const directive = DIRECTIVES.get(name.toLowerCase())
    if (directive === undefined) throw new Error(`unknown ${name}`)
    const at = { file: 'test.conf', line: index + 1 }
    const { server, main = server, dir = new Settings(), context = 'server' } = scope
    const command = {
      name,
      at,
      context,
      server,
      main,
      dir,
      serverRoot: '/',
      knowsModule: (id: string) => vocabulary.module(id).kind !== 'unknown',
      fail: (message: string) => {
        throw new Error(message)
      },
    } as unknown as Command
    directive.apply(
      command,
      directive.args.kind === 'flag' ? [/^on$/i.test(words[0] ?? '') ? 'On' : 'Off'] : words,
    )
  })
}

export function makeServer(settings: Settings, index = 0): ServerConfig {
  return {
    isVirtual: index > 0,
    index,
    at: { file: 'test.conf', line: 1 },
    addresses: [],
    settings,
    dir: new Settings(),
    sections: { directory: [], directoryMatch: [], files: [], location: [], proxy: [], if: [] },
    perDirectory: {
      vocabulary: new ModuleRegistry([]),
      environment: {},
      serverRoot: '/',
      defines: {},
      providers: [],
      warnUnsupported: false,
    },
  }
}

/** A main server and virtual hosts, each from lines of configuration. */
export function makeSite(serverRoot: string, main: string, ...virtualHosts: string[]): Site {
  const settings = new Settings()
  applyLines(main, { server: settings })
  const servers = virtualHosts.map((lines, index) => {
    const own = new Settings()
    applyLines(lines, { server: own, main: settings, context: 'vhost' })
    return makeServer(Settings.merge(settings, own), index + 1)
  })
  return {
    main: makeServer(settings),
    virtualHosts: servers,
    file: 'test.conf',
    serverRoot,
    defines: {},
    anyDocumentRoot: false,
    warnings: [],
    providers: [],
  }
}

export const connection: Connection = {
  id: 'CONN',
  remoteAddress: '192.0.2.1',
  remotePort: 5060,
  localAddress: '192.0.2.9',
  localPort: 18191,
  secure: false,
  listenerHost: '',
  listenerPort: 18191,
  keepalives: 0,
  aborted: false,
}

export interface RequestFacts {
  readonly headers?: readonly string[]
  readonly trailers?: readonly string[]
  readonly connection?: Partial<Connection>
  readonly keepAlive?: boolean
  readonly server?: ServerConfig
  readonly set?: (request: Request) => void
  readonly startedAt?: number
}

export function makeRequest(facts: RequestFacts = {}): Request {
  const { headers = [], trailers = [], keepAlive = true, server = makeServer(new Settings()) } = facts
  const request = new Request(
    { ...connection, ...facts.connection },
    server,
    incomingOf({ rawHeaders: headers, rawTrailers: trailers }),
    outgoingOf({ canKeep: keepAlive }),
    stderrLog({ write: () => {} }),
  )
  if (facts.startedAt !== undefined) Object.assign(request, { startedAt: facts.startedAt })
  facts.set?.(request)
  return request
}

/** A directory that goes away with the test. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(resolve(tmpdir()), 'wsgi-httpd-log-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** After the event loop's turn, when gathered lines have been written. */
export function turn(): Promise<void> {
  return new Promise((next) => setImmediate(() => setImmediate(next)))
}
