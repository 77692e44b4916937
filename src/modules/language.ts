/**
 * The modules that are nothing but configuration language: `LoadModule`, `<IfVersion>`, macros, `Include` and its kin. They are carried out while the
 * configuration is read (`src/config/reader.ts`); here they get their names.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_so.html, mod_version.html, mod_macro.html, core.html
 */
import { directive, iterate, raw } from '../config/directive.js'
import { treeDirectivesOf } from '../config/tree-directives.js'
import type { HttpdModule } from './module.js'

export const so = {
  id: 'so_module',
  source: 'mod_so.c',
  directives: treeDirectivesOf('so'),
} satisfies HttpdModule

export const version = {
  id: 'version_module',
  source: 'mod_version.c',
  directives: treeDirectivesOf('version'),
} satisfies HttpdModule

export const macro = {
  id: 'macro_module',
  source: 'mod_macro.c',
  directives: treeDirectivesOf('macro'),
} satisfies HttpdModule

/** Core's share: `Include`, `Define`, `<IfModule>`, … */
export const coreLanguage = [
  ...treeDirectivesOf('core'),
  directive({
    name: 'Error',
    syntax: 'message',
    contexts: ['server', 'vhost', 'directory', 'htaccess'],
    override: 'All',
    help: 'Generate error message from within configuration',
    ...raw((cmd, text) => {
      const [message = '', more] = cmd.words(text)
      return cmd.fail(more === undefined ? message : 'The Error directive takes a single quoted argument')
    }),
  }),
  directive({
    name: 'RegexDefaultOptions',
    syntax: '[none] [+|-]option [[+|-]option] ...',
    contexts: ['server'],
    default: 'DOTALL DOLLAR_ENDONLY',
    help: 'default options for regexes (prefixed by +/-)',
    ...iterate((cmd, words) => {
      // the translation of patterns has these two built in
      const defaults = new Set(['+DOTALL', '+DOLLAR_ENDONLY', 'DOTALL', 'DOLLAR_ENDONLY'])
      const other = words.find((word) => !defaults.has(word.toUpperCase()))
      if (other !== undefined)
        cmd.fail(
          `RegexDefaultOptions ${other} is not supported: patterns always have DOTALL and DOLLAR_ENDONLY`,
        )
    }),
  }),
]
