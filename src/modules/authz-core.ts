/**
 * mod_authz_core: `Require` and its containers. Runs in checkAccessEx, where it needs no user, and in checkAuth, once the user is known.
 * What the lines mean is in authz-core/providers.ts (and the modules that register more), how they combine in authz-core/authority.ts.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authz_core.html
 */
import {
  type Command,
  directive,
  flag,
  raw,
  type SectionCommand,
  section,
  take1,
} from '../config/directive.js'
import type { ConfigWarning } from '../config/errors.js'
import { Settings, settingsKey } from '../config/settings.js'
import type { Section, Site } from '../config/site.js'
import { nextWord } from '../config/words.js'
import type { Request } from '../request/request.js'
import { authTypeOf, challenge } from './authn-core.js'
import { type Authority, Container, describe, evaluate, type Limits } from './authz-core/authority.js'
import { coreProviders } from './authz-core/providers.js'
import { type Answer, AUTHZ } from './authz-provider.js'
import type { LimitData } from './core/sections.js'
import type { HttpdModule, Outcome } from './module.js'

interface AuthzDir {
  readonly root: Container | undefined
  readonly merging: 'Off' | 'And' | 'Or'
  /** 403 instead of another 401 for a user who may not. */
  readonly forbiddenOnFailure: boolean
}

export const authzDir = settingsKey<AuthzDir>(
  'authz_core',
  { root: undefined, merging: 'Off', forbiddenOnFailure: false },
  mergeAuthz,
)

/**
 * The innermost section with any `Require` replaces what is outside, unless `AuthMerging` joins the two. A section without `Require` keeps
 * the outer ones, also where it says `AuthMerging Off` (httpd would open the place).
 */
function mergeAuthz(
  base: Readonly<Partial<AuthzDir>>,
  added: Readonly<Partial<AuthzDir>>,
): Partial<AuthzDir> {
  const merged = { ...base, ...added }
  const { merging } = added
  if (base.root && added.root && merging !== undefined && merging !== 'Off') {
    merged.root = join(merging, base.root, added.root)
  }
  if (added.root && merging === undefined) delete merged.merging
  return merged
}

function join(merging: 'And' | 'Or', outer: Container, inner: Container): Container {
  const joined = new Container(merging === 'And' ? 'all' : 'any', true)
  joined.of.push(outer, inner)
  return joined
}

const PLACES = { contexts: ['directory', 'htaccess'], override: 'AuthConfig' } as const

const directives = [
  directive({
    name: 'Require',
    syntax: '[not] entity-name [entity-name] ...',
    ...PLACES,
    help: 'specifies authorization directives which one must pass (or not) for a request to succeed',
    ...raw(addCondition),
  }),
  ...(
    [
      ['All', 'of which none must fail and at least one must pass'],
      ['Any', 'of which one must pass'],
      ['None', 'of which none must pass'],
    ] as const
  ).map(([name, which]) =>
    section({
      name: `<Require${name}`,
      syntax: '>',
      ...PLACES,
      help: `container for grouping authorization directives ${which} for a request to succeed`,
      open: (cmd, text) => openContainer(cmd, text, name.toLowerCase() as Container['kind']),
    }),
  ),
  section({
    name: '<AuthzProviderAlias',
    syntax: 'provider alias [arguments]>',
    contexts: ['server'],
    help: 'container for directives that make a kind of Require line of its own out of another one',
    open: openAlias,
  }),
  directive({
    name: 'AuthMerging',
    syntax: 'Off|And|Or',
    ...PLACES,
    default: 'Off',
    help: "controls how a <Directory>, <Location>, or similar directive's authorization directives are combined with those of its predecessor",
    ...take1((cmd, word) => {
      const merging = (['Off', 'And', 'Or'] as const).find((one) => one.toLowerCase() === word.toLowerCase())
      cmd.dir.draft(authzDir).merging = merging ?? cmd.fail('AuthMerging must be one of: Off | And | Or')
    }),
  }),
  directive({
    name: 'AuthzSendForbiddenOnFailure',
    syntax: 'On|Off',
    ...PLACES,
    default: 'Off',
    help: "Controls if an authorization failure should result in a '403 FORBIDDEN' response instead of the HTTP-conforming '401 UNAUTHORIZED'",
    ...flag((cmd, on) => {
      cmd.dir.draft(authzDir).forbiddenOnFailure = on
    }),
  }),
]

function addCondition(cmd: Command, text: string): void {
  const first = nextWord(text)
  const negative = first.word.toLowerCase() === 'not'
  const { word: name, rest: args } = negative ? nextWord(first.rest) : first
  const provider = cmd.provider(AUTHZ, name)
  if (provider === undefined) cmd.fail(`Unknown Authz provider: ${name}`)
  const container = containerAround(cmd)
  if (negative && container.kind !== 'all') {
    cmd.fail(`negative Require directive has no effect in ${describe(container)} directive`)
  }
  container.of.push({
    kind: 'condition',
    text: `${name} ${args}`,
    negate: negative,
    limits: limitsAround(cmd),
    test: provider.parse(cmd, args),
  })
}

/** `Require alias` asks as `Require base arguments` does, with the settings inside laid over those of the place. */
function openAlias(cmd: SectionCommand, text: string) {
  const [base = '', name = '', args = ''] = cmd.words(text)
  if (name === '') cmd.fail(`${cmd.name}> directive requires additional arguments`)
  if (base.toLowerCase() === name.toLowerCase())
    cmd.fail('The alias provider name must be different from the base provider name.')
  const provider = cmd.provider(AUTHZ, base) ?? cmd.fail(`Unknown Authz provider: ${base}`)
  if (cmd.provider(AUTHZ, name) !== undefined)
    cmd.fail(
      'The alias provider name has already been used previously as either a base provider or an alias provider.',
    )
  const test = provider.parse(cmd, args)
  const own = new Settings()
  const aliased =
    typeof test === 'string' ? test : (request: Request, dir: Settings) => test(request, dir.with(own))
  return { dir: own, close: () => cmd.addProvider(AUTHZ, { name, parse: () => aliased }) }
}

/** The container that a directive stands in: one that is written, or the section's own. */
function containerAround(cmd: Command): Container {
  for (const around of cmd.enclosing) {
    if (around.data instanceof Container) return around.data
    if (!LIMIT.test(around.name)) break
  }
  const draft = cmd.dir.draft(authzDir)
  draft.root ??= new Container('any')
  return draft.root
}

const LIMIT = /^<limit/i

/** The `<Limit>` that a directive stands in, containers between the two or not. */
function limitsAround(cmd: Command): Limits {
  for (const around of cmd.enclosing) {
    if (LIMIT.test(around.name)) return [around.data as LimitData]
    if (!(around.data instanceof Container)) break
  }
  return undefined
}

/** A container joins what is around it once it is complete, so that an empty or useless one is seen. */
function openContainer(cmd: SectionCommand, text: string, kind: Container['kind']) {
  if (text.trim() !== '') cmd.fail(`${cmd.name}> directive doesn't take additional arguments`)
  const container = new Container(kind)
  const close = () => {
    if (container.of.length === 0)
      cmd.fail(`${describe(container)} directive contains no authorization directives`)
    if (kind === 'all' && container.of.every((one) => one.negate)) {
      cmd.fail(`${describe(container)} directive contains only negative authorization directives`)
    }
    const parent = containerAround(cmd)
    if (container.negate && parent.kind !== 'all') {
      cmd.fail(`${describe(container)} directive has no effect in ${describe(parent)} directive`)
    }
    parent.of.push(container satisfies Authority)
  }
  return { data: container, close }
}

function checkAccessEx(request: Request): Outcome | Promise<Outcome> {
  const { root } = request.dir.get(authzDir)
  if (root === undefined) return withoutRequire(request)
  const { constant } = root
  if (constant === 'granted') return 'ok'
  const answer = constant ?? evaluate(root, request)
  return typeof answer === 'string'
    ? outcome(request, answer, false)
    : answer.then((late) => outcome(request, late, false))
}

/** No `Require` holds: everybody may, unless somebody meant to protect the place and forgot it. */
function withoutRequire(request: Request): Outcome {
  if (authTypeOf(request) === undefined) return 'ok'
  request.report(
    'authz_core',
    'error',
    'AuthType configured with no corresponding authorization directives',
    'AH01627',
  )
  return 500
}

function checkAuth(request: Request): Outcome | Promise<Outcome> {
  const { root } = request.dir.get(authzDir)
  if (root === undefined) return withoutRequire(request)
  const answer = evaluate(root, request)
  return typeof answer === 'string'
    ? outcome(request, answer, true)
    : answer.then((late) => outcome(request, late, true))
}

/** @param userKnown whether authentication has been done. */
function outcome(request: Request, answer: Answer, userKnown: boolean): Outcome {
  switch (answer) {
    case 'granted':
      return 'ok'
    case 'error':
      return 500
    case 'deniedNoUser':
      if (!userKnown) return undefined
      request.report(
        'authz_core',
        'error',
        `authorization failure (no authenticated user): ${request.path}`,
        'AH01629',
      )
      return unauthorized(request)
    case 'denied':
    case 'neutral':
      return userKnown && authTypeOf(request) !== undefined ? refuseUser(request) : refuseClient(request)
    default:
      return answer satisfies never
  }
}

function refuseClient(request: Request): Outcome {
  const place = request.filename === '' ? `uri ${request.path}` : request.filename
  request.report('authz_core', 'error', `client denied by server configuration: ${place}`, 'AH01630')
  return 403
}

function refuseUser(request: Request): Outcome {
  request.report(
    'authz_core',
    'error',
    `user ${request.user}: authorization failure for "${request.path}": `,
    'AH01631',
  )
  return request.dir.get(authzDir).forbiddenOnFailure ? 403 : unauthorized(request)
}

/** Somebody who is known is asked again; whoever is not has been asked during authentication. */
function unauthorized(request: Request): Outcome {
  if (request.user !== undefined) challenge(request)
  return 401
}

/** Whether a `Require` holds for this request: then denials elsewhere are not the last word under `Satisfy Any`. */
export function someAuthRequired(request: Request): boolean {
  const { root } = request.dir.get(authzDir)
  if (root === undefined) return false
  const { limits } = root
  return limits === undefined || limits.some((limit) => limit.methods.has(request.method) !== limit.except)
}

/** `<Location />` is merged last: what it grants undoes every denial of directories and files. */
function check(site: Site, warn: (warning: ConfigWarning) => void): void {
  const seen = new Set<Section>()
  for (const { sections } of [site.main, ...site.virtualHosts]) {
    const denied = [...sections.directory, ...sections.directoryMatch, ...sections.files].find(
      (section) => constantOf(section) === 'denied',
    )
    if (denied === undefined) continue
    for (const section of sections.location) {
      if (section.path !== '/' || constantOf(section) !== 'granted' || seen.has(section)) continue
      seen.add(section)
      warn({
        at: section.at,
        message: `<Location /> with Require all granted undoes every denial of directories and files, such as the one on line ${denied.at.line} of ${denied.at.file}. Put Require into <Directory> sections.`,
      })
    }
  }
}

function constantOf(section: Section): Answer | undefined {
  return section.settings.peek(authzDir)?.root?.constant
}

export const authzCore = {
  id: 'authz_core_module',
  source: 'mod_authz_core.c',
  directives,
  providers: coreProviders,
  hooks: { checkAccessEx, checkAuth },
  check,
} satisfies HttpdModule
