/**
 * mod_negotiation: the directives of content negotiation. Negotiation itself (`Options MultiViews`, type maps) is not done: a URL without its
 * extension is answered 404, and a type map is not read.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_negotiation.html
 */
import { directive, flag, iterate } from '../config/directive.js'
import { settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import type { HttpdModule, Outcome } from './module.js'

const NOT_DONE =
  'content negotiation (Options MultiViews, type maps) is not done yet; files are served by their full names'

interface NegotiationDir {
  /** Language tags, the preferred one first. */
  readonly languagePriority: readonly string[]
  readonly force: readonly ('none' | 'prefer' | 'fallback')[]
}

export const negotiationDir = settingsKey<NegotiationDir>('negotiation', {
  languagePriority: [],
  force: ['prefer'],
})

const EVERYWHERE = { contexts: ['server', 'vhost', 'directory', 'htaccess'], override: 'FileInfo' } as const

const directives = [
  directive({
    name: 'LanguagePriority',
    syntax: 'MIME-lang [MIME-lang] ...',
    ...EVERYWHERE,
    help: 'space-delimited list of MIME language abbreviations',
    accepted: NOT_DONE,
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
    accepted: NOT_DONE,
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
    accepted: NOT_DONE,
    ...flag(() => {}),
  }),
]

/** A type map's text must not be taken for what it points to. */
function handler(request: Request): Outcome {
  if (request.handler !== 'type-map' || request.finfo === undefined) return undefined
  request.report('negotiation', 'error', `${request.filename} is a type map (handler type-map): ${NOT_DONE}`)
  return 404
}

export const negotiation = {
  id: 'negotiation_module',
  source: 'mod_negotiation.c',
  directives,
  hooks: { handler },
} satisfies HttpdModule
