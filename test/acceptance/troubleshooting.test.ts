/** The page about troubles quotes messages: each must be one that this program still has, and they must be in alphabetical order. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { PROJECT } from '../support/server.js'

const PAGE = readFileSync(path.join(PROJECT, 'docs', 'troubleshooting.md'), 'utf8')
/** Shorter pieces of a message say nothing. */
const FRAGMENT_MIN = 8
/** What stands for a value: a word in capitals, an ellipsis, and what is quoted or counted. */
const PLACEHOLDER = /\b(?:NAME|FILE|PATH|PID|CAUSE|STEP|REASON|URL|MODULE|ADDRESS|SOCKET|N)\b|…|'/

describe('docs/troubleshooting.md', () => {
  const sources = ['src', 'runtime'].map((folder) => textOf(path.join(PROJECT, folder))).join('\n')

  for (const message of headlines(PAGE))
    test(message, () => {
      const fragments = message
        .split(PLACEHOLDER)
        .map((part) => part.trim().replace(/^[.:;,()]+|[.:;,()]+$/g, ''))
      const wanted = fragments.filter((part) => part.length >= FRAGMENT_MIN)
      for (const fragment of wanted)
        for (const part of fragment.split(/: |AH\d{5}/).map((piece) => piece.trim()))
          assert.ok(part.length < FRAGMENT_MIN || isSaid(part, sources), `"${part}" is in the sources`)
    })

  test('messages are in alphabetical order', () => {
    for (const section of PAGE.split(/^## /m)) {
      const firsts = section.split('\n').filter((line) => /^(<a [^>]*><\/a>)?\*\*`/.test(line))
      const keys = firsts.map((line) => (/`([^`]+)`/.exec(line)?.[1] ?? '').toLowerCase())
      assert.deepEqual(
        keys,
        [...keys].sort((a, b) => (a < b ? -1 : 1)),
      )
    }
  })
})

/** Whether the sources have it, in one piece or put together from two. */
function isSaid(text: string, sources: string): boolean {
  if (sources.includes(text)) return true
  const spaces = [...text.matchAll(/ /g)].map(({ index }) => index)
  return spaces.some((at) => sources.includes(text.slice(0, at)) && sources.includes(text.slice(at)))
}

function headlines(page: string): string[] {
  return page
    .split('\n')
    .filter((line) => /^(<a [^>]*><\/a>)?\*\*`/.test(line))
    .flatMap((line) => [...line.matchAll(/\*\*`([^`]+)`\*\*/g)].map((match) => match[1] as string))
}

function textOf(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|py)$/.test(name))
    .map((name) => readFileSync(path.join(folder, name), 'utf8'))
    .join('\n')
    .replaceAll("\\'", "'")
}
