/**
 * The modules that are nothing but configuration language: `LoadModule`, `<IfVersion>`, macros, `Include` and its kin. They are carried out while the
 * configuration is read (`src/config/reader.ts`); here they get their names.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_so.html, mod_version.html, mod_macro.html, core.html
 */
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
export const coreLanguage = treeDirectivesOf('core')
