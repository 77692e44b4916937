import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { helpPage } from '../../src/cli/help.js'
import { startServerHelp } from '../../src/cli/start-server/help.js'
import { NOT_YET } from '../../src/cli/start-server/refused.js'
import { PROJECT } from '../support/server.js'

const page = readFileSync(path.join(PROJECT, 'docs', 'command-line.md'), 'utf8')

test('docs/command-line.md shows the help pages as they are', () => {
  const blocks = [...page.matchAll(/```text\n(.*?)```/gs)].map((match) => match[1])
  assert.deepEqual(blocks, [helpPage(), startServerHelp()])
})

test('docs/command-line.md names the options that are not available yet, and no others', () => {
  const list = page.slice(page.indexOf('not available yet\n'))
  const named = [...list.matchAll(/`--([\w-]+)`/g)].map((match) => match[1])
  assert.deepEqual(named, [...NOT_YET].sort())
})
