/**
 * mod_negotiation: chooses between several files for one URL (`Options MultiViews`, see negotiation/multiviews.ts). Type maps are not read.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_negotiation.html
 */
import { directive, flag, iterate } from '../config/directive.js'
import type { Request } from '../request/request.js'
import type { HttpdModule, Outcome } from './module.js'
import { typeChecker } from './negotiation/multiviews.js'
import { negotiationDir } from './negotiation/settings.js'

const NO_TYPE_MAPS = 'type maps are not read; use Options MultiViews'

const EVERYWHERE = { contexts: ['server', 'vhost', 'directory', 'htaccess'], override: 'FileInfo' } as const

const directives = [
  directive({
    name: 'LanguagePriority',
    syntax: 'MIME-lang [MIME-lang] ...',
    ...EVERYWHERE,
    help: 'space-delimited list of MIME language abbreviations',
    ...iterate((cmd, languages) => {
      cmd.dir.draft(negotiationDir).languagePriority = languages
    }),
  }),
  directive({
    name: 'ForceLanguagePriority',
    syntax: 'None|Prefer|Fallback [Prefer|Fallback]',
    ...EVERYWHERE,
    default: 'Prefer',
    help: 'Force LanguagePriority elections, either None, or Fallback and/or Prefer',
    ...iterate((cmd, words) => {
      const force = words.map(
        (word) =>
          (['none', 'prefer', 'fallback'] as const).find((one) => one === word.toLowerCase()) ??
          cmd.fail(`Invalid ForceLanguagePriority option ${word}`),
      )
      if (force.includes('none') && force.some((one) => one !== 'none')) {
        cmd.fail('Cannot combine ForceLanguagePriority options None with others')
      }
      cmd.dir.draft(negotiationDir).force = force
    }),
  }),
  directive({
    name: 'CacheNegotiatedDocs',
    syntax: 'On|Off',
    contexts: ['server', 'vhost'],
    default: 'Off',
    help: 'Either "on" or "off" (default)',
    accepted: 'responses that depend on what the client prefers say so in Vary',
    ...flag(() => {}),
  }),
]

/** A type map's text must not be taken for what it points to. */
function handler(request: Request): Outcome {
  if (request.handler !== 'type-map' || request.finfo === undefined) return undefined
  request.report(
    'negotiation',
    'error',
    `${request.filename} is a type map (handler type-map): ${NO_TYPE_MAPS}`,
  )
  return 404
}

export const negotiation = {
  id: 'negotiation_module',
  source: 'mod_negotiation.c',
  directives,
  hooks: { typeChecker, handler },
} satisfies HttpdModule
