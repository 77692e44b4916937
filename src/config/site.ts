/**
 * A checked configuration: the main server, its virtual hosts, and the sections that apply to places in them.
 * Immutable once made; a graceful restart makes a new one.
 */
import type { ConfigWarning } from './errors.js'
import type { Position } from './position.js'
import type { Provided } from './provider.js'
import type { Settings } from './settings.js'
import type { Vocabulary } from './vocabulary.js'

/** `<Directory>`, `<Location>` and their kin: settings for the places that a pattern matches. */
export interface Section {
  readonly kind: SectionKind
  /** The section's words as written, for messages: `"/srv/www"`, `~ "^/a"`. */
  readonly pattern: string
  /** Whether the section is for this place: a directory path with a final `/`, a file's name, or a URL path, by kind. */
  readonly matches: (place: string) => RegExpMatchArray | boolean
  /** `Directory` only: number of path components, which orders the sections (httpd.md 3.2); wildcards included. */
  readonly depth: number
  /** `Directory` only: true where the path has wildcards. */
  readonly wild: boolean
  /** The path of a plain `Directory` (with final `/`) or `Location`, for look-ups without trying every section. */
  readonly path?: string
  /** `Location` only: the pattern is a regular expression. */
  readonly isRegex?: boolean
  /** Regular-expression sections: names of named groups become `MATCH_NAME` variables. */
  readonly settings: Settings
  /** Sections nested in this one, in file order (`Files`, `If`, `Limit` are the ones that can). */
  readonly nested: readonly Section[]
  readonly at: Position
}

export type SectionKind = 'Directory' | 'DirectoryMatch' | 'Files' | 'Location' | 'Proxy' | 'If'

/** Where a `<VirtualHost>` listens: one word of its arguments. */
export interface VhostAddress {
  /** A literal address, or `*` (also for `_default_`). IPv6 without brackets. */
  readonly host: string
  /** 0 for any port. */
  readonly port: number
}

/** The main server or a virtual host. Everything here is merged already: a virtual host's settings lie over the main server's. */
export interface ServerConfig {
  readonly isVirtual: boolean
  /** Number in the file, 0 for the main server. */
  readonly index: number
  readonly at: Position
  /** Empty for the main server. */
  readonly addresses: readonly VhostAddress[]
  /** Server-scope settings of every module. */
  readonly settings: Settings
  /** The default per-directory settings: directives of directory scope that stand at server level. */
  readonly dir: Settings
  /** Sections of this server: the main server's before its own; `Directory` sorted by depth (stable). */
  readonly sections: {
    readonly directory: readonly Section[]
    readonly directoryMatch: readonly Section[]
    readonly files: readonly Section[]
    readonly location: readonly Section[]
    /** For requests that a backend answers, in place of directories and files. */
    readonly proxy: readonly Section[]
    readonly if: readonly Section[]
  }
  readonly perDirectory: PerDirectoryContext
}

/** What `.htaccess` files are read with while requests are served. */
export interface PerDirectoryContext {
  readonly vocabulary: Vocabulary
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly serverRoot: string
  readonly defines: Readonly<Record<string, string>>
  readonly providers: readonly Provided[]
  /** Whether directives that are not carried are passed over with a warning. */
  readonly warnUnsupported: boolean
}

export interface Site {
  readonly main: ServerConfig
  readonly virtualHosts: readonly ServerConfig[]
  /** The configuration file it came from. */
  readonly file: string
  readonly serverRoot: string
  readonly defines: Readonly<Record<string, string>>
  /** `-T`: nobody looks whether document roots are there. */
  readonly anyDocumentRoot: boolean
  readonly warnings: readonly ConfigWarning[]
  /** The modules' providers and those that the configuration has added; for `.htaccess` files, which may name them. */
  readonly providers: readonly Provided[]
}
