/**
 * Writes `docs/directives.md` anew: `npm run docs`.
 */
import { writeFileSync } from 'node:fs'
import { modules } from '../modules/index.js'
import { directivesPage } from './directives-page.js'

// from build/src/cli/ to the project
writeFileSync(new URL('../../../docs/directives.md', import.meta.url), directivesPage(modules))
