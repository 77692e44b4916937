/**
 * mod_rewrite: URLs changed by rules. Rules of a server run in translation (rewrite/translate.ts), those of a directory in fixups
 * (rewrite/fixup.ts); both run a set of rules by rewrite/run.ts.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_rewrite.html
 */
import { type Command, directive, flag, iterate, raw, take, take1 } from '../config/directive.js'
import type { Draft } from '../config/settings.js'
import { directoryPath } from './core/sections.js'
import type { HttpdModule } from './module.js'
import { parseCondition } from './rewrite/condition.js'
import type { MapFinder } from './rewrite/expansion.js'
import { fixups, forceTypes, redirectInternally } from './rewrite/fixup.js'
import { parseMap } from './rewrite/maps.js'
import { parseRule } from './rewrite/rule.js'
import {
  type RewriteDir,
  type RewriteOption,
  type RewriteServer,
  rewriteDir,
  rewriteServer,
} from './rewrite/settings.js'
import { translateName } from './rewrite/translate.js'

const EVERYWHERE = { contexts: ['server', 'vhost', 'directory', 'htaccess'], override: 'FileInfo' } as const

const isServerLevel = (cmd: Command): boolean => cmd.context === 'server' || cmd.context === 'vhost'

/** The settings that a directive changes, marked with the place it stands in. */
function draftFor(cmd: Command): Draft<RewriteServer> | Draft<RewriteDir> {
  if (isServerLevel(cmd)) {
    const draft = cmd.server.draft(rewriteServer)
    draft.serverIndex = cmd.serverIndex
    return draft
  }
  const draft = cmd.dir.draft(rewriteDir)
  draft.directory = directoryOf(cmd)
  return draft
}

/** What is taken off file names: the directory of a `<Directory>` or of a `.htaccess` file. Other sections have their own text there. */
function directoryOf(cmd: Command): string {
  const around = cmd.enclosing.find(({ name }) => /^<(?:Directory|Location|Files|If|ElseIf|Else)/i.test(name))
  if (around === undefined) return cmd.at.file.slice(0, cmd.at.file.lastIndexOf('/') + 1)
  if (/^<(?:If|Else)/i.test(around.name)) return '*If/'
  const [text = ''] = cmd.words(around.text)
  const plain = /^<Directory$/i.test(around.name) && around.data === 'plain' ? directoryPath(text) : undefined
  return plain ?? (text.endsWith('/') ? text : `${text}/`)
}

const OPTIONS: readonly RewriteOption[] = [
  'inherit',
  'inheritbefore',
  'inheritdown',
  'inheritdownbefore',
  'ignoreinherit',
  'allownoslash',
  'allowanyuri',
  'mergebase',
  'ignorecontextinfo',
  'legacyprefixdocroot',
]

const findMap: MapFinder = ({ request }, name) => {
  const map = request.server.settings.get(rewriteServer).maps.get(name)
  if (map === undefined)
    request.report(
      'rewrite',
      'error',
      `mod_rewrite: there is no RewriteMap '${name}' in this server or virtual host`,
    )
  return map
}

const directives = [
  directive({
    name: 'RewriteEngine',
    syntax: 'On|Off',
    ...EVERYWHERE,
    default: 'Off',
    help: 'On or Off to enable or disable (default) the whole rewriting engine',
    ...flag((cmd, on) => {
      draftFor(cmd).engine = on
      // directories inherit the state of their server
      if (isServerLevel(cmd)) cmd.dir.draft(rewriteDir).engine = on
    }),
  }),
  directive({
    name: 'RewriteOptions',
    syntax: 'option [option] ...',
    ...EVERYWHERE,
    help: 'List of option strings to set',
    ...iterate((cmd, words) => {
      for (const word of words) {
        const option = OPTIONS.find((one) => one === word.toLowerCase())
        if (option === undefined) cmd.fail(`RewriteOptions: unknown option '${word}'`)
        else {
          const draft = draftFor(cmd)
          draft.options = new Set([...(draft.options ?? []), option])
          if (isServerLevel(cmd)) cmd.dir.draft(rewriteDir).options = draft.options
        }
      }
    }),
  }),
  directive({
    name: 'RewriteBase',
    syntax: 'URL-path',
    contexts: ['directory', 'htaccess'],
    override: 'FileInfo',
    help: 'the base URL of the per-directory context',
    ...take1((cmd, url) => {
      if (!url.startsWith('/')) cmd.fail('RewriteBase: argument is not a valid URL')
      draftFor(cmd)
      cmd.dir.draft(rewriteDir).baseUrl = url
    }),
  }),
  directive({
    name: 'RewriteCond',
    syntax: 'TestString CondPattern [flags]',
    ...EVERYWHERE,
    help: 'an input string and a to be applied regexp-pattern',
    ...raw((cmd, line) => {
      const draft = draftFor(cmd)
      draft.waiting = [...(draft.waiting ?? []), parseCondition(cmd, line, findMap)]
    }),
  }),
  directive({
    name: 'RewriteRule',
    syntax: 'Pattern Substitution [flags]',
    ...EVERYWHERE,
    help: 'an URL-applied regexp-pattern and a substitution URL',
    ...raw((cmd, line) => {
      const draft = draftFor(cmd)
      const rule = parseRule(cmd, line, draft.waiting ?? [], findMap)
      draft.waiting = []
      draft.rules = [...(draft.rules ?? []), rule]
    }),
  }),
  directive({
    name: 'RewriteMap',
    syntax: 'MapName MapType:MapSource [MapTypeOptions]',
    contexts: ['server', 'vhost'],
    help: 'a mapname and a filename and options',
    ...take([2, 3], (cmd, [name = '', source = '', options]) => {
      if (options !== undefined)
        cmd.warn(`RewriteMap ${name}: '${options}' has no effect: programs run as the account of the server`)
      draftFor(cmd)
      const draft = cmd.server.draft(rewriteServer)
      draft.maps = new Map(draft.maps).set(name, parseMap(cmd, name, source))
    }),
  }),
]

export const rewrite = {
  id: 'rewrite_module',
  source: 'mod_rewrite.c',
  directives,
  hooks: { translateName, fixups, handler: redirectInternally },
  needs: { translateName: [rewriteServer, rewriteDir], fixups: [rewriteDir] },
} satisfies HttpdModule

/** The part of mod_rewrite that comes late in fixups: handlers and types that rules have forced. */
export const rewriteTypes = {
  id: 'rewrite_module, late',
  source: 'mod_rewrite.c, late',
  directives: [],
  hooks: { fixups: forceTypes },
  needs: { fixups: [rewriteServer, rewriteDir] },
} satisfies HttpdModule
