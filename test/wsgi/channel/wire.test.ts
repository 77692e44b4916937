/** The numbers of the channel's frames, as docs/channel.md has them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import {
  ABORT_REASONS,
  FAILURE_REASONS,
  REJECT_REASONS,
  Receive,
  Send,
} from '../../../src/wsgi/channel/wire.js'
import { PROJECT } from '../../support/server.js'

const page = readFileSync(path.join(PROJECT, 'docs/channel.md'), 'utf8')

/** The cells of a table's rows, without those of its head. */
function rows(head: string): string[][] {
  const table = new RegExp(`^\\| ${head} \\|.*\\n\\|[-|]+\\n((?:\\|.*\\n)+)`, 'm').exec(page)?.[1] ?? ''
  return table
    .trim()
    .split('\n')
    .map((line) => line.slice(1, -1).split('|'))
    .map((cells) => cells.map((cell) => cell.trim()))
}

for (const [head, numbers] of [
  ['worker → interpreter', Send],
  ['interpreter → worker', Receive],
] as const)
  test(`${head}: each type of frame is explained`, () => {
    const explained = rows(head).flatMap(([, types = '']) => types.split(', ').map(Number))
    assert.deepEqual(explained, Object.values(numbers))
  })

for (const [name, reasons] of [
  ['ABORT', ABORT_REASONS],
  ['ERROR', FAILURE_REASONS],
  ['REJECT', REJECT_REASONS],
] as const)
  test(`${name}: each reason is explained`, () => {
    const text = rows('interpreter → worker').find(([frame]) => frame === name)?.[2] ?? ''
    const explained = [...text.matchAll(/\b(\d) [\w-]/g)].map(([, number]) => Number(number))
    assert.deepEqual(explained, [...reasons.keys()].slice(1))
  })
