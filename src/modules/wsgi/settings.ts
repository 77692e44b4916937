/**
 * What the WSGI directives set: once for the whole server, per virtual host, and per directory.
 */
import type { Position } from '../../config/position.js'
import { settingsKey } from '../../config/settings.js'
import { GLOBAL, type GroupName, RESOURCE } from '../../wsgi/group-name.js'
import type { DaemonGroup } from '../../wsgi/groups.js'
import type { InterpreterLayer } from '../../wsgi/interpreter-options.js'

/** Directives of the main server alone: they say how Python is started. */
export interface WsgiMain {
  readonly pythonHome: string | undefined
  readonly pythonHomeAt: Position | undefined
  /** Embedded processes only; daemon groups have `python-path`. */
  readonly pythonPath: readonly string[]
  readonly pythonEggs: string | undefined
  /** 0, 1 (`-O`) or 2 (`-OO`). */
  readonly pythonOptimize: number
  readonly pythonWarnings: readonly string[]
  readonly pythonHashSeed: string | undefined
  readonly dontWriteBytecode: boolean
  /** Off: daemon processes are forked from one that has loaded their scripts. */
  readonly lazyInitialization: boolean
  readonly py3kWarningFlag: boolean
  readonly socketPrefix: string | undefined
  readonly restrictEmbedded: boolean
  /** `WSGITelemetryService`: where every process sends what it has counted. */
  readonly telemetry: { readonly path: string; readonly interval: number } | undefined
  /** `WSGISlowRequests`: seconds after which a request is reported; undefined: none is. */
  readonly slowRequests: number | undefined
  readonly telemetryOptions: readonly TelemetryOption[]
  /** Applications in server workers may know what the whole server is doing. */
  readonly serverMetrics: boolean
  readonly restrictStdin: boolean
  readonly restrictStdout: boolean
  readonly restrictSignal: boolean
  /** Off: names that differ in case share an interpreter. */
  readonly caseSensitivity: boolean
  readonly switchInterval: number | undefined
  readonly perInterpreterGil: boolean
  readonly freeThreading: boolean
  /** `<WSGIInterpreterOptions>` containers, in file order. */
  readonly interpreterLayers: readonly InterpreterLayer[]
  /** Off: processes end without atexit functions. */
  readonly destroyInterpreter: boolean
  /** Application groups of a process whose names requests bring about. */
  readonly applicationGroupLimit: number
  readonly daemonGroups: readonly DaemonGroup[]
  /** Import scripts and preloading aliases of every server, in file order. */
  readonly imports: readonly ImportScript[]
  /** Whether any section names a hook script: then Python is started with the server worker. */
  readonly hookScripts: boolean
}

/** What records of telemetry have beyond the usual. */
export type TelemetryOption = 'CaptureUserAgent'

export interface ImportScript {
  readonly script: string
  readonly processGroup: GroupName
  readonly applicationGroup: GroupName
  readonly serverIndex: number
  readonly at: Position
  /** The directive that asked for it, for messages. */
  readonly directive: string
}

export const wsgiMain = settingsKey<WsgiMain>(
  'wsgi',
  {
    pythonHome: undefined,
    pythonHomeAt: undefined,
    pythonPath: [],
    pythonEggs: undefined,
    pythonOptimize: 0,
    pythonWarnings: [],
    pythonHashSeed: undefined,
    dontWriteBytecode: false,
    lazyInitialization: true,
    py3kWarningFlag: false,
    socketPrefix: undefined,
    restrictEmbedded: false,
    telemetry: undefined,
    slowRequests: undefined,
    telemetryOptions: [],
    serverMetrics: false,
    restrictStdin: false,
    restrictStdout: false,
    restrictSignal: true,
    caseSensitivity: true,
    switchInterval: undefined,
    perInterpreterGil: false,
    freeThreading: false,
    interpreterLayers: [],
    destroyInterpreter: true,
    applicationGroupLimit: 32,
    daemonGroups: [],
    imports: [],
    hookScripts: false,
  },
  // Everything here belongs to the main server: a virtual host sees the same.
  (base) => base,
)

/** One `WSGIScriptAlias` or `WSGIScriptAliasMatch`. */
export interface ScriptAlias {
  /** URL prefix; undefined for the Match form. */
  readonly url: string | undefined
  readonly pattern: RegExp | undefined
  readonly script: string
  readonly processGroup: GroupName | undefined
  readonly applicationGroup: GroupName | undefined
  readonly callableObject: string | undefined
  readonly passAuthorization: boolean | undefined
  readonly at: Position
}

export interface WsgiServer {
  readonly aliases: readonly ScriptAlias[]
}

export const wsgiServer = settingsKey<WsgiServer>('wsgi-server', { aliases: [] }, (base, added) => ({
  // A virtual host's aliases are tried before the main server's.
  aliases: [...(added.aliases ?? []), ...(base.aliases ?? [])],
}))

/** One `WSGIHandlerScript`. */
export interface HandlerScript {
  readonly script: string
  readonly processGroup: GroupName | undefined
  readonly applicationGroup: GroupName | undefined
  readonly passAuthorization: boolean | undefined
}

/** A script with functions that the server asks: `WSGIAccessScript` and its kin. Always run in the server worker's own interpreter. */
export interface HookScript {
  readonly script: string
  readonly applicationGroup: GroupName
}

export interface WsgiDir {
  readonly processGroup: GroupName
  readonly applicationGroup: GroupName
  readonly callableObject: string
  readonly passAuthorization: boolean
  readonly scriptReloading: boolean
  readonly errorOverride: boolean
  readonly chunkedRequest: boolean
  readonly ignoreActivity: boolean
  readonly mapHeadToGet: 'On' | 'Off' | 'Auto'
  /** Process groups that may be used here (`""` for embedded); undefined: all. */
  readonly restrictProcess: readonly string[] | undefined
  readonly handlerScripts: ReadonlyMap<string, HandlerScript>
  /** `WSGITrustedProxyHeaders`, lower case; undefined: none. */
  readonly proxyHeaders: readonly string[] | undefined
  /** `WSGITrustedProxies`; undefined: everybody. */
  readonly proxies: readonly ((address: string) => boolean)[] | undefined
  readonly interfaceVersion: '1.0' | '1.1'
  readonly accessScript: HookScript | undefined
  readonly authUserScript: HookScript | undefined
  readonly authGroupScript: HookScript | undefined
  readonly dispatchScript: HookScript | undefined
}

export const wsgiDir = settingsKey<WsgiDir>(
  'wsgi-dir',
  {
    processGroup: GLOBAL,
    applicationGroup: RESOURCE,
    callableObject: 'application',
    passAuthorization: false,
    scriptReloading: true,
    errorOverride: false,
    chunkedRequest: false,
    ignoreActivity: false,
    mapHeadToGet: 'Auto',
    restrictProcess: undefined,
    handlerScripts: new Map(),
    proxyHeaders: undefined,
    proxies: undefined,
    interfaceVersion: '1.1',
    accessScript: undefined,
    authUserScript: undefined,
    authGroupScript: undefined,
    dispatchScript: undefined,
  },
  (base, added) => ({
    ...base,
    ...added,
    ...(base.handlerScripts && added.handlerScripts
      ? { handlerScripts: new Map([...base.handlerScripts, ...added.handlerScripts]) }
      : {}),
  }),
)
