/**
 * The configuration as the supervisor needs it: the tree that server workers are given, and what it does itself (sockets, processes, users).
 * Everything that can be wrong with it is found here, before anything of a running server is touched.
 */
import { join } from 'node:path'
import { ConfigError, type ConfigWarning } from '../config/errors.js'
import { describeError, type Loaded, type LoadOptions, loadSite } from '../config/load.js'
import type { Site } from '../config/site.js'
import { textOf } from '../config/text.js'
import type { ConfigNode, ConfigTree } from '../config/tree.js'
import { destinationKey, parseDestination } from '../log/destination.js'
import { errorLogKey } from '../log/settings.js'
import { coreGlobal, type ListenSettings, listenSettings } from '../modules/core/settings.js'
import { mpmSettings } from '../modules/mpm.js'
import { vocabulary } from '../modules/registry.js'
import { unixdSettings } from '../modules/unixd.js'
import { type WsgiMain, wsgiMain } from '../modules/wsgi/settings.js'
import { findPython } from '../python/find.js'
import { serverBanner } from '../request/server-tokens.js'
import { versionNumbers } from '../system/package-root.js'
import { processors } from '../system/processors.js'
import { loadTls } from '../tls/contexts.js'
import type { TlsMaterial } from '../tls/material.js'
import { importsOf } from '../wsgi/imports.js'
import { mainApplicationGroup } from '../wsgi/main-group.js'
import { daemonGroups, serverOf } from '../wsgi/visibility.js'
import { type DaemonPlan, type PlanInputs, planDaemons } from './daemon-plan.js'
import type { Identity } from './messages.js'
import { warnOfMissingFiles } from './missing-files.js'

/** What names a configuration: plain data, so that a detached supervisor can be told. */
export type ConfigurationSource = Omit<
  LoadOptions,
  'vocabulary' | 'environment' | 'files' | 'htaccess' | 'defines'
> & {
  readonly defines?: readonly string[]
}

export interface Configuration {
  readonly tree: ConfigTree
  readonly site: Site
  /** What server workers need for TLS; undefined where no server speaks it. */
  readonly tls: TlsMaterial | undefined
  readonly listen: ListenSettings
  /** Absolute. */
  readonly pidFile: string
  /** `DefaultRuntimeDir`; undefined: the system's directory for temporary files. */
  readonly runtimeParent: string | undefined
  /** Server workers: `StartServers`, else one per processor; at most `ServerLimit`. */
  readonly workers: number
  /** Whom server workers become; null when not started as root. */
  readonly frontUser: Identity | null
  /** Seconds; 0: wait for ever. */
  readonly gracefulShutdownTimeout: number
  readonly daemons: readonly DaemonPlan[]
  /** Whether server workers may ask for the certificate authorities that Node.js knows. */
  readonly authorities: boolean
}

/**
 * Reads and checks a configuration. Returns undefined where it has faults, which were given to `write` in httpd's words.
 * @param write takes one or more lines without the last line end
 * @param known what was read before, of the same source
 */
export function readConfiguration(
  source: ConfigurationSource,
  write: (text: string) => void,
  known?: Loaded,
): Configuration | undefined {
  const loaded = known ?? loadSite({ ...source, vocabulary, environment: process.env }, write)
  if (loaded === undefined) return undefined
  try {
    return configurationOf(loaded.tree, loaded.site)
  } catch (error) {
    if (error instanceof ConfigError) write(describeError(error))
    else if (error instanceof IdentityError) write(error.message)
    else throw error
    return undefined
  }
}

/** For `-t`: what is wrong with the files of TLS. @throws ConfigError */
export function checkTls(site: Site, warn: (warning: ConfigWarning) => void): void {
  loadTls(site, warn)
}

/** For `-t`: what is wrong with daemon process groups (users, Pythons) that only whoever starts them can tell. @throws ConfigError */
export function checkProcesses(site: Site, warn: (warning: ConfigWarning) => void): void {
  planAll(site, identityOf(site))
  warnOfMissingFiles(site, warn)
}

/** `PidFile`, by default `logs/httpd.pid` under `ServerRoot`. */
export function pidFileOf(site: Site): string {
  return textOf(site.main.settings.get(coreGlobal).pidFile ?? join(site.serverRoot, 'logs/httpd.pid'))
}

class IdentityError extends Error {}

function configurationOf(tree: ConfigTree, site: Site): Configuration {
  const { settings } = site.main
  const warnings = [...site.warnings]
  const tls = loadTls(site, (warning) => warnings.push(warning))
  const frontUser = identityOf(site)
  const daemons = planAll(site, frontUser)
  warnOfMissingFiles(site, (warning) => warnings.push(warning))
  const mpm = settings.get(mpmSettings)
  const { runtimeDir } = settings.get(coreGlobal)
  return {
    tree,
    site: { ...site, warnings },
    tls,
    listen: settings.get(listenSettings),
    pidFile: pidFileOf(site),
    runtimeParent: runtimeDir === undefined ? undefined : textOf(runtimeDir),
    workers: Math.min(mpm.startServers ?? processors(), mpm.serverLimit ?? Number.POSITIVE_INFINITY),
    frontUser,
    gracefulShutdownTimeout: mpm.gracefulShutdownTimeout,
    daemons,
    authorities: mentions(tree.nodes, 'sslproxyverify'),
  }
}

function mentions(nodes: readonly ConfigNode[], name: string): boolean {
  return nodes.some(
    (node) =>
      node.name.toLowerCase() === name || (node.children !== undefined && mentions(node.children, name)),
  )
}

/** `User` and `Group`. A server that was started as root must say who it is to be, root included. */
function identityOf(site: Site): Identity | null {
  if (process.getuid?.() !== 0) return null
  const { user, group } = site.main.settings.get(unixdSettings)
  if (user === undefined || group === undefined) {
    throw new IdentityError(
      `AH02155: ${user === undefined ? 'User' : 'Group'} is not set in ${site.file}: a server that is started as root must be told whom to run as, with User and Group`,
    )
  }
  return { uid: user.id, gid: group.id, ...(user.name.startsWith('#') ? {} : { userName: user.name }) }
}

/** What of the surroundings daemon processes are made of. */
export interface Surroundings {
  readonly findPython: PlanInputs['findPython']
  readonly environment: PlanInputs['environment']
}

/** Plans every daemon process group of the site. @throws ConfigError */
export function planAll(
  site: Site,
  frontUser: Identity | null,
  around: Surroundings = { findPython, environment: process.env },
): DaemonPlan[] {
  const wsgi = site.main.settings.get(wsgiMain)
  checkPythonHome(wsgi)
  return daemonGroups(site).map((group) => {
    const server = serverOf(site, group.serverIndex) ?? site.main
    const { text } = server.settings.get(errorLogKey).errorLog
    return planDaemons(group, {
      wsgi,
      frontUser,
      mainGroup: mainApplicationGroup(site, group),
      imports: importsOf(site, group.name),
      ...around,
      errorLog: destinationKey(parseDestination(text, 'error', site.serverRoot)),
      serverVersion: versionNumbers(),
      serverSoftware: serverBanner(site.main),
    })
  })
}

/** `WSGIPythonHome` is where embedded mode has its Python from, which only the first request would find out. @throws ConfigError */
function checkPythonHome({ pythonHome, pythonHomeAt, restrictEmbedded }: WsgiMain): void {
  if (pythonHome === undefined || pythonHomeAt === undefined || restrictEmbedded) return
  try {
    findPython(textOf(pythonHome))
  } catch (error) {
    throw new ConfigError(pythonHomeAt, `WSGIPythonHome leads to no Python: ${(error as Error).message}`)
  }
}
