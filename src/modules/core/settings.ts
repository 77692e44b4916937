/**
 * What core directives set: one key per kind of scope. Everything else in the server reads its settings through these keys.
 * Manual: https://httpd.apache.org/docs/2.4/mod/core.html
 */
import type { Position } from '../../config/position.js'
import { settingsKey } from '../../config/settings.js'
import type { Section } from '../../config/site.js'
import type { Condition } from '../../expr/expression.js'
import type { Request } from '../../request/request.js'

/** The name of `ServerName [scheme://]host[:port]`. */
export interface ServerName {
  /** As written, IPv6 in brackets. */
  readonly host: string
  /** The same in lower case, for comparisons. */
  readonly key: string
  readonly scheme: 'http' | 'https' | undefined
}

export type EncodedSlashes = 'Off' | 'On' | 'NoDecode'

/** Settings of a server: the main server or a virtual host. */
export interface CoreServer {
  readonly serverName: ServerName | undefined
  /** The port that comes with the name: of a virtual host without a name of its own, that of its address. 0 where none is written. */
  readonly serverPort: number
  /** Names and wildcard patterns as written. Virtual hosts only. */
  readonly serverAliases: readonly string[]
  readonly serverPath: string | undefined
  readonly serverAdmin: string | undefined
  /** Absolute, without a final slash unless it is `/`. */
  readonly documentRoot: string
  /** The same as variables show it: with the slash at its end, if it was written with one. */
  readonly documentRootShown: string
  readonly documentRootAt: Position | undefined
  /** Seconds to wait for the client, while reading or writing. */
  readonly timeout: number
  readonly keepAlive: boolean
  /** Milliseconds. */
  readonly keepAliveTimeout: number
  /** 0: no limit. */
  readonly maxKeepAliveRequests: number
  /** Bytes of the request line; 0 here as elsewhere in these limits: none. */
  readonly limitRequestLine: number
  readonly limitRequestFields: number
  /** Bytes of one header field, name and value. */
  readonly limitRequestFieldSize: number
  /** How many internal redirects, and how many nested subrequests, one request may make. */
  readonly limitInternalRedirects: number
  readonly limitSubrequests: number
  readonly accessFileNames: readonly string[]
  /** Not inherited by virtual hosts: read it with {@link encodedSlashesOf}. */
  readonly allowEncodedSlashes: { readonly mode: EncodedSlashes; readonly serverIndex: number } | undefined
  readonly mergeSlashes: boolean
  readonly traceEnable: 'on' | 'off' | 'extended'
  readonly strictHostCheck: boolean
  readonly protocol: {
    readonly strict: boolean
    readonly registeredMethods: boolean
    readonly http09: boolean
  }
  /** In order of preference, e.g. `h2`, `http/1.1`. */
  readonly protocols: readonly string[]
  /** The server's order counts, not the client's. */
  readonly protocolsHonorOrder: boolean
}

export const coreServer = settingsKey<CoreServer>('core server', {
  serverName: undefined,
  serverPort: 0,
  serverAliases: [],
  serverPath: undefined,
  serverAdmin: undefined,
  documentRoot: '/usr/local/apache2/htdocs',
  documentRootShown: '/usr/local/apache2/htdocs',
  documentRootAt: undefined,
  timeout: 60,
  keepAlive: true,
  keepAliveTimeout: 5000,
  maxKeepAliveRequests: 100,
  limitRequestLine: 8190,
  limitRequestFields: 100,
  limitRequestFieldSize: 8190,
  limitInternalRedirects: 10,
  limitSubrequests: 10,
  accessFileNames: ['.htaccess'],
  allowEncodedSlashes: undefined,
  mergeSlashes: true,
  traceEnable: 'on',
  strictHostCheck: false,
  protocol: { strict: true, registeredMethods: false, http09: false },
  protocols: ['http/1.1'],
  protocolsHonorOrder: true,
})

/** `AllowEncodedSlashes` as it holds in that server: the main server's does not reach virtual hosts. */
export function encodedSlashesOf(settings: CoreServer, serverIndex: number): EncodedSlashes {
  const set = settings.allowEncodedSlashes
  return set !== undefined && set.serverIndex === serverIndex ? set.mode : 'Off'
}

/** Bits of `Options`. */
export const OPTION = {
  Indexes: 1,
  Includes: 2,
  SymLinks: 4,
  SymLinksIfOwnerMatch: 8,
  ExecCGI: 16,
  IncludesNOEXEC: 32,
  MultiViews: 64,
} as const

/** `Options` of one scope, or of several merged ones. */
export interface Options {
  /** Bits of {@link OPTION} in force, the default underneath. */
  readonly effective: number
  /** True once a list without signs was seen: what is outside does not count. */
  readonly absolute: boolean
  readonly add: number
  readonly remove: number
}

/** Which directives `.htaccess` files may hold. */
export interface AllowOverride {
  readonly authConfig: boolean
  readonly fileInfo: boolean
  readonly indexes: boolean
  readonly limit: boolean
  /** `false`, or the bits of {@link OPTION} that may be changed. */
  readonly options: false | number
  /** Which faults are only logged. */
  readonly nonfatal: { readonly override: boolean; readonly unknown: boolean }
}

/** The text itself, or as it is for one request. */
export type DocumentText = string | ((request: Request) => string)

export type ErrorDocument =
  | { readonly kind: 'default' }
  | { readonly kind: 'text'; readonly text: DocumentText }
  /** A URL path on this server, perhaps with a query. */
  | { readonly kind: 'path'; readonly path: DocumentText }
  | { readonly kind: 'url'; readonly url: DocumentText }

/** What goes into an `ETag`. */
export interface FileETag {
  readonly inode: boolean
  readonly mtime: boolean
  readonly size: boolean
  readonly digest: boolean
}

/** An `<If>`, `<ElseIf>` or `<Else>` section. */
export interface IfSection {
  readonly kind: 'if' | 'elseif' | 'else'
  /** undefined for `else`. */
  readonly condition: Condition | undefined
  readonly section: Section
}

/** Settings of places. */
export interface CoreDir {
  /** In the order in which they are tried; those of outer places first. */
  readonly ifs: readonly IfSection[]
  readonly options: Options
  readonly allowOverride: AllowOverride
  /** Lower-case names of directives let in besides the classes. */
  readonly allowOverrideList: ReadonlySet<string>
  readonly acceptPathInfo: 'On' | 'Off' | 'Default'
  /** By status. */
  readonly errorDocuments: Readonly<Record<number, ErrorDocument>>
  readonly serverSignature: 'On' | 'Off' | 'EMail'
  readonly hostnameLookups: 'On' | 'Off' | 'Double'
  readonly fileETag: FileETag
  readonly enableSendfile: boolean
  /** `SetHandler`; undefined for none. Takes precedence over what names and types choose. */
  readonly handler: string | undefined
  /** `SetHandler expr=…`: the handler's name for one request. */
  readonly handlerExpression: ((request: Request) => string) | undefined
  readonly forceType: string | undefined
  /** Added to `text/plain` and `text/html` without a charset. */
  readonly addDefaultCharset: string | undefined
  readonly useCanonicalName: 'On' | 'Off' | 'DNS'
  readonly useCanonicalPhysicalPort: boolean
  /** Bytes; 0: no limit. */
  readonly limitRequestBody: number
  readonly limitXMLRequestBody: number
  readonly qualifyRedirectURL: boolean
  /** Whether `Authorization` reaches applications. */
  readonly cgiPassAuth: boolean
  readonly maxRanges: number
  readonly maxRangeOverlaps: number
  readonly maxRangeReversals: number
  /** Names of `SetOutputFilter`, upper case. */
  readonly outputFilters: readonly string[]
  readonly inputFilters: readonly string[]
}

export const NO_OVERRIDE: AllowOverride = {
  authConfig: false,
  fileInfo: false,
  indexes: false,
  limit: false,
  options: false,
  nonfatal: { override: false, unknown: false },
}

export const coreDir = settingsKey<CoreDir>(
  'core directory',
  {
    ifs: [],
    options: { effective: OPTION.SymLinks, absolute: false, add: 0, remove: 0 },
    allowOverride: NO_OVERRIDE,
    allowOverrideList: new Set(),
    acceptPathInfo: 'Default',
    errorDocuments: {},
    serverSignature: 'Off',
    hostnameLookups: 'Off',
    fileETag: { inode: false, mtime: true, size: true, digest: false },
    enableSendfile: true,
    handler: undefined,
    handlerExpression: undefined,
    forceType: undefined,
    addDefaultCharset: undefined,
    useCanonicalName: 'Off',
    useCanonicalPhysicalPort: false,
    limitRequestBody: 1 << 30,
    limitXMLRequestBody: 1_000_000,
    qualifyRedirectURL: false,
    cgiPassAuth: false,
    maxRanges: 200,
    maxRangeOverlaps: 20,
    maxRangeReversals: 20,
    outputFilters: [],
    inputFilters: [],
  },
  (base, added) => {
    const merged = { ...base, ...added }
    if (base.options && added.options) merged.options = mergeOptions(base.options, added.options)
    if (base.ifs && added.ifs) merged.ifs = [...base.ifs, ...added.ifs]
    if (base.errorDocuments && added.errorDocuments)
      merged.errorDocuments = { ...base.errorDocuments, ...added.errorDocuments }
    return merged
  },
)

/** A list without signs replaces; a list with signs changes what is outside. */
export function mergeOptions(base: Options, added: Options): Options {
  if (added.absolute) return added
  return {
    effective: (base.effective & ~added.remove) | added.add,
    absolute: base.absolute,
    add: (base.add & ~added.remove) | added.add,
    remove: (base.remove & ~added.add) | added.remove,
  }
}

/** Whether an option (a bit of {@link OPTION}) is in force. */
export function hasOption(dir: CoreDir, option: number): boolean {
  return (dir.options.effective & option) !== 0
}

/** A `Listen` line. */
export interface ListenAddress {
  /** A literal address without brackets; empty for all addresses. */
  readonly host: string
  readonly port: number
  readonly protocol: string
  readonly at: Position
}

/** What the supervisor binds. Main server only. */
export interface ListenSettings {
  readonly addresses: readonly ListenAddress[]
  readonly backlog: number
  /** Bytes, 0 for the system's. */
  readonly sendBufferSize: number
  readonly receiveBufferSize: number
}

export const listenSettings = settingsKey<ListenSettings>('listen', {
  addresses: [],
  backlog: 511,
  sendBufferSize: 0,
  receiveBufferSize: 0,
})

export type ServerTokens = 'Prod' | 'Major' | 'Minor' | 'Min' | 'OS' | 'Full'

/** Settings of the whole server. Main server only. */
export interface CoreGlobal {
  readonly serverTokens: ServerTokens
  /** Absolute. */
  readonly pidFile: string | undefined
  /** Absolute; base of relative runtime files. */
  readonly runtimeDir: string | undefined
  /** As written: `default`, or `mechanism[:path]`; for dumps. */
  readonly mutex: readonly string[]
  readonly coreDumpDirectory: string | undefined
  readonly extendedStatus: boolean
}

export const coreGlobal = settingsKey<CoreGlobal>('core global', {
  serverTokens: 'Full',
  pidFile: undefined,
  runtimeDir: undefined,
  mutex: [],
  coreDumpDirectory: undefined,
  extendedStatus: true,
})
