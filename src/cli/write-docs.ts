/**
 * Writes `docs/directives.md` and the tables of `docs/api.md` anew: `npm run docs`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { modules } from '../modules/index.js'
import { apiPage } from './api-page.js'
import { directivesPage } from './directives-page.js'

/** From build/src/cli/ to the project. */
const PROJECT = new URL('../../../', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, PROJECT), 'utf8')

writeFileSync(new URL('docs/directives.md', PROJECT), directivesPage(modules))
writeFileSync(
  new URL('docs/api.md', PROJECT),
  apiPage(read('docs/api.md'), ['src/api/options.ts', 'src/api/serve.ts'].map(read)),
)
