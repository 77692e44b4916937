/** The reference page says what the declarations say. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { directivesPage } from '../../src/cli/directives-page.js'
import { modules } from '../../src/modules/index.js'

test('docs/directives.md is what the declarations give (run `npm run docs` after changing one)', () => {
  const committed = readFileSync(new URL('../../../docs/directives.md', import.meta.url), 'utf8')
  // not assert.equal: its difference of two long pages helps nobody
  const [ours, theirs] = [directivesPage(modules).split('\n'), committed.split('\n')]
  const line = ours.findIndex((text, at) => text !== theirs[at])
  assert.ok(
    ours.length === theirs.length && line < 0,
    `line ${line + 1} is ${theirs[line]}, should be ${ours[line]}`,
  )
})

test('every directive says how it is written and what it does', () => {
  for (const { source, directives } of modules)
    for (const { name, help, contexts, syntax } of directives) {
      assert.ok(help.length > 3, `${name} of ${source} has no help`)
      assert.ok(contexts.length > 0, `${name} of ${source} may stand nowhere`)
      if (name.startsWith('<')) assert.match(syntax, />$/, `${name}: the syntax of a section ends in >`)
    }
})
