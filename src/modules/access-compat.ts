/**
 * mod_access_compat: `Order`, `Allow`, `Deny` and `Satisfy` of httpd 2.2. Runs in checkAccess, before `Require` is looked at.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_access_compat.html
 */
import { type Command, directive, iterate2, take1 } from '../config/directive.js'
import type { ConfigWarning } from '../config/errors.js'
import { settingsKey } from '../config/settings.js'
import type { Section, Site } from '../config/site.js'
import type { Request } from '../request/request.js'
import { authzDir, someAuthRequired } from './authz-core.js'
import { clientHost, inDomain } from './client-host.js'
import { type LimitData, limitApplies } from './core/sections.js'
import type { HttpdModule, Outcome } from './module.js'
import { parseSubnet, type Subnet, SubnetError } from './subnet.js'
import { variable } from './variables.js'

/** Something that holds for the methods of the `<Limit>` around it; undefined: all. */
interface Limited<T> {
  readonly limit: LimitData | undefined
  readonly value: T
}

type Order = 'allow,deny' | 'deny,allow' | 'mutual-failure'

/** What stands after `from`. */
type Origin =
  | { readonly kind: 'all' }
  | { readonly kind: 'env'; readonly name: string; readonly set: boolean }
  | { readonly kind: 'ip'; readonly contains: Subnet }
  | { readonly kind: 'host'; readonly domain: string }

interface AccessCompat {
  readonly orders: readonly Limited<Order>[]
  readonly allow: readonly Limited<Origin>[]
  readonly deny: readonly Limited<Origin>[]
  readonly satisfy: readonly Limited<'all' | 'any'>[]
}

/** A section with any of these directives replaces all of them from outside. */
export const accessCompatDir = settingsKey<AccessCompat>(
  'access_compat',
  { orders: [], allow: [], deny: [], satisfy: [] },
  (_, added) => added,
)

const PLACES = { contexts: ['directory', 'htaccess'] } as const

const directives = [
  directive({
    name: 'Order',
    syntax: 'allow,deny | deny,allow | mutual-failure',
    ...PLACES,
    override: 'Limit',
    default: 'deny,allow',
    help: "'allow,deny', 'deny,allow', or 'mutual-failure'",
    ...take1((cmd, word) => {
      const order = (['allow,deny', 'deny,allow', 'mutual-failure'] as const).find(
        (one) => one === word.toLowerCase(),
      )
      const draft = cmd.dir.draft(accessCompatDir)
      draft.orders = [
        ...(draft.orders ?? []),
        { limit: limitAround(cmd), value: order ?? cmd.fail('unknown order') },
      ]
    }),
  }),
  ...(['Allow', 'Deny'] as const).map((name) =>
    directive({
      name,
      syntax: 'from all|host|env=[!]env-variable [host|env=[!]env-variable] ...',
      ...PLACES,
      override: 'Limit',
      help: "'from' followed by hostnames or IP-address wildcards",
      ...iterate2((cmd, from, words) => {
        if (from.toLowerCase() !== 'from') cmd.fail("allow and deny must be followed by 'from'")
        const list = name === 'Allow' ? 'allow' : 'deny'
        const draft = cmd.dir.draft(accessCompatDir)
        const added = words.map((word) => ({ limit: limitAround(cmd), value: parseOrigin(cmd, word) }))
        draft[list] = [...(draft[list] ?? []), ...added]
      }),
    }),
  ),
  directive({
    name: 'Satisfy',
    syntax: 'Any|All',
    ...PLACES,
    override: 'AuthConfig',
    default: 'All',
    help: "access policy if both allow and require used ('all' or 'any')",
    ...take1((cmd, word) => {
      const value = (['all', 'any'] as const).find((one) => one === word.toLowerCase())
      const draft = cmd.dir.draft(accessCompatDir)
      draft.satisfy = [
        ...(draft.satisfy ?? []),
        { limit: limitAround(cmd), value: value ?? cmd.fail("Satisfy either 'any' or 'all'.") },
      ]
    }),
  }),
]

function limitAround(cmd: Command): LimitData | undefined {
  const around = cmd.enclosing[0]
  return around && /^<limit/i.test(around.name) ? (around.data as LimitData) : undefined
}

function parseOrigin(cmd: Command, word: string): Origin {
  const env = /^env=(!?)(.*)$/is.exec(word)
  if (env) return { kind: 'env', name: env[2] as string, set: env[1] === '' }
  if (word.toLowerCase() === 'all') return { kind: 'all' }
  try {
    return { kind: 'ip', contains: parseSubnet(word) }
  } catch (error) {
    if (!(error instanceof SubnetError)) throw error
    if (error.isAddress) cmd.fail(error.message)
    if (word.includes('/')) cmd.fail('An IP address was expected')
    if (word.includes('#')) cmd.fail('No comments are allowed here')
    return { kind: 'host', domain: word }
  }
}

/** The last value that is written for the method. */
function valueFor<T>(values: readonly Limited<T>[], method: string): T | undefined {
  for (let at = values.length - 1; at >= 0; at--) {
    const { limit, value } = values[at] as Limited<T>
    if (limit === undefined || limitApplies(limit, method)) return value
  }
  return undefined
}

/** Whether passing either of `Allow`/`Deny` and `Require` is enough here. */
export function satisfiesAny(request: Request): boolean {
  const settings = request.dir.get(accessCompatDir)
  return settings.satisfy.length > 0 && valueFor(settings.satisfy, request.method) === 'any'
}

function checkAccess(request: Request): Outcome | Promise<Outcome> {
  const settings = request.dir.get(accessCompatDir)
  if (settings === accessCompatDir.defaults) return undefined
  const order = valueFor(settings.orders, request.method) ?? 'deny,allow'
  const allowed = matches(settings.allow, request)
  const denied = matches(settings.deny, request)
  if (typeof allowed === 'boolean' && typeof denied === 'boolean') {
    return decide(request, order, allowed, denied)
  }
  return Promise.all([allowed, denied]).then(([allow, deny]) => decide(request, order, allow, deny))
}

function decide(request: Request, order: Order, allowed: boolean, denied: boolean): Outcome {
  const passes = order === 'deny,allow' ? allowed || !denied : allowed && !denied
  if (passes) return 'ok'
  // under Satisfy Any this is not the last word
  if (satisfiesAny(request) && someAuthRequired(request)) return 403
  const place = request.filename === '' ? `uri ${request.path}` : request.filename
  request.report('access_compat', 'error', `client denied by server configuration: ${place}`, 'AH01797')
  return 403
}

/** Whether any of the origins is the client's. Names are looked up only if nothing else matches. */
function matches(origins: readonly Limited<Origin>[], request: Request): boolean | Promise<boolean> {
  const { remoteAddress } = request.connection
  const domains: string[] = []
  for (const { limit, value: origin } of origins) {
    if (limit !== undefined && !limitApplies(limit, request.method)) continue
    switch (origin.kind) {
      case 'all':
        return true
      case 'env':
        if ((variable(request.env, origin.name) !== undefined) === origin.set) return true
        break
      case 'ip':
        if (origin.contains(remoteAddress)) return true
        break
      case 'host':
        domains.push(origin.domain)
        break
      default:
        origin satisfies never
    }
  }
  if (domains.length === 0) return false
  return clientHost(request.connection).then(
    (name) => name !== undefined && domains.some((domain) => inDomain(domain, name)),
  )
}

/**
 * The usual mistake of configurations that come from httpd 2.2: `Allow from all` where an outer `Require all denied` still holds.
 */
function check(site: Site, warn: (warning: ConfigWarning) => void): void {
  const seen = new Set<Section>()
  for (const { sections } of [site.main, ...site.virtualHosts]) {
    for (const section of sections.directory) {
      const own = section.settings.peek(accessCompatDir)
      if (seen.has(section) || !own || !(own.allow || own.orders)) continue
      seen.add(section)
      const ruling = rulingSection(section, sections.directory)
      if (ruling?.settings.peek(authzDir)?.root?.constant !== 'denied') continue
      warn({
        at: section.at,
        message: `Order, Allow and Deny do not open this place: Require all denied of <Directory ${ruling.pattern}> (line ${ruling.at.line} of ${ruling.at.file}) still holds in it. Add Require all granted.`,
      })
    }
  }
}

/** The section whose `Require` lines hold in a directory: the last one of those around it, or at it, that has any. */
function rulingSection(of: Section, directories: readonly Section[]): Section | undefined {
  return directories
    .filter((one) => one.path !== undefined && of.path?.startsWith(one.path))
    .findLast((one) => one.settings.peek(authzDir)?.root !== undefined)
}

export const accessCompat = {
  id: 'access_compat_module',
  source: 'mod_access_compat.c',
  directives,
  hooks: { checkAccess },
  needs: { checkAccess: [accessCompatDir] },
  check,
} satisfies HttpdModule
