/** The page of the API says what the declarations say. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DEFAULTS } from '../../src/api/options.js'
import { apiPage } from '../../src/cli/api-page.js'

const read = (name: string) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8')

test('docs/api.md is what the declarations give (run `npm run docs` after changing one)', () => {
  const page = read('docs/api.md')
  assert.ok(apiPage(page, ['src/api/options.ts', 'src/api/serve.ts'].map(read)) === page)
})

test('the defaults in the comments are those of the program', () => {
  const page = read('docs/api.md')
  for (const [name, value] of Object.entries(DEFAULTS)) {
    const shown = typeof value === 'string' ? `'${value}'` : String(value)
    assert.ok(new RegExp(`\\| \`${name}\` \\| [^\\n]*`).exec(page)?.[0].includes(` | ${shown} | `), name)
  }
})
