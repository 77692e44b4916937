/**
 * What mod_rewrite's directives set, and how rules are inherited.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_rewrite.html#rewriteoptions
 */
import { settingsKey } from '../../config/settings.js'
import type { Condition } from './condition.js'
import type { RewriteMap } from './maps.js'
import type { Rule } from './rule.js'

export type RewriteOption =
  | 'inherit'
  | 'inheritbefore'
  | 'inheritdown'
  | 'inheritdownbefore'
  | 'ignoreinherit'
  | 'allownoslash'
  | 'allowanyuri'
  | 'mergebase'
  | 'ignorecontextinfo'
  | 'legacyprefixdocroot'

interface Rules {
  readonly engine: boolean
  readonly options: ReadonlySet<RewriteOption>
  readonly rules: readonly Rule[]
  /** `RewriteCond` lines that wait for their `RewriteRule`. */
  readonly waiting: readonly Condition[]
}

export interface RewriteServer extends Rules {
  readonly maps: ReadonlyMap<string, RewriteMap>
  /** The server that the directives stand in: one without any of its own runs no rules (httpd.md 18, 26). */
  readonly serverIndex: number
}

export interface RewriteDir extends Rules {
  /** What is taken off file names before patterns see them, with a final `/`; undefined for what stands at server level. */
  readonly directory: string | undefined
  readonly baseUrl: string | undefined
}

const DEFAULTS: Rules = { engine: false, options: new Set(), rules: [], waiting: [] }

/** The rules of an inner scope, with those of the outer one where the options say so. */
function mergeRules(
  base: Readonly<Partial<Rules>>,
  added: Readonly<Partial<Rules>>,
): { options: ReadonlySet<RewriteOption>; rules: readonly Rule[]; inherits: boolean } {
  const outer = base.options ?? DEFAULTS.options
  const options = added.options ?? outer
  const ignores = options.has('ignoreinherit')
  const mine = added.rules ?? []
  const theirs = base.rules ?? []
  if (options.has('inherit') || (outer.has('inheritdown') && !ignores))
    return { options, rules: [...mine, ...theirs], inherits: true }
  if (options.has('inheritbefore') || (outer.has('inheritdownbefore') && !ignores))
    return { options, rules: [...theirs, ...mine], inherits: true }
  return { options, rules: mine, inherits: false }
}

export const rewriteServer = settingsKey<RewriteServer>(
  'rewrite server',
  { ...DEFAULTS, maps: new Map(), serverIndex: 0 },
  (base, added) => {
    const { options, rules, inherits } = mergeRules(base, added)
    const maps = inherits ? new Map([...(base.maps ?? []), ...(added.maps ?? [])]) : (added.maps ?? new Map())
    return { ...base, ...added, options, rules, maps, waiting: [] }
  },
)

export const rewriteDir = settingsKey<RewriteDir>(
  'rewrite directory',
  { ...DEFAULTS, directory: undefined, baseUrl: undefined },
  (base, added) => {
    const { options, rules } = mergeRules(base, added)
    const merged = { ...base, ...added, options, rules, waiting: [], directory: added.directory }
    if (!options.has('mergebase')) merged.baseUrl = added.baseUrl
    return merged
  },
)
