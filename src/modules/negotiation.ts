/**
 * mod_negotiation: chooses between several files for one URL: those with its name and further extensions (`Options MultiViews`, see
 * negotiation/multiviews.ts), or those that a type map lists (negotiation/map-handler.ts).
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_negotiation.html
 */
import { directive, flag, iterate } from '../config/directive.js'
import type { HttpdModule } from './module.js'
import { handler } from './negotiation/map-handler.js'
import { typeChecker } from './negotiation/multiviews.js'
import { negotiationDir, negotiationServer } from './negotiation/settings.js'

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
    ...flag((cmd, on) => {
      cmd.server.draft(negotiationServer).cacheable = on
    }),
  }),
]

export const negotiation = {
  id: 'negotiation_module',
  source: 'mod_negotiation.c',
  directives,
  hooks: { typeChecker, handler },
} satisfies HttpdModule
