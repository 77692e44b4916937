import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { ask } from '../../support/http.js'
import { hooksOf, withFront } from '../front.js'

/** There is no other way to learn what a descriptor is. */
const skip = existsSync('/proc/self/fd') ? false : 'no /proc here'

const FILES = { 'open/a.txt': 'open', 'held/a.txt': 'held', 'held/sub/a.txt': 'sub', 'out/a.txt': 'secret' }

/** What is changed between the walk and the opening of the file, by the test's name; the changes of one request. */
type Swap = (root: string) => void

/** Runs `swap` once, for the first request, after its walk. */
async function swapped(conf: string, url: string, swap: Swap, prepare: Swap = () => {}) {
  let answer: { status: number; text: string } | undefined
  let records: string[] = []
  let swaps = 0
  let root = ''
  const hooks = hooksOf({
    fixups: () => {
      if (swaps++ === 0) swap(root)
      return undefined
    },
  })
  await withFront(conf, { files: FILES, modules: [hooks], prepare }, async (front) => {
    root = front.root
    answer = await ask(front.port, url)
    records = front.records
  })
  assert.ok(answer !== undefined && swaps > 0)
  return { status: answer.status, text: answer.text, records }
}

const HELD = '<Directory "${ROOT}/held">\nOptions -FollowSymLinks\n</Directory>'
const OWNERS = '<Directory "${ROOT}/held">\nOptions SymLinksIfOwnerMatch\n</Directory>'
const ALL_HELD = '<Directory "${ROOT}">\nOptions None\n</Directory>'
const FREE_BELOW = `${ALL_HELD}\n<Directory "\${ROOT}/held">\nOptions FollowSymLinks\n</Directory>`

const replace = (link: string, target: string): Swap => {
  return (root) => {
    rmSync(path.join(root, link), { recursive: true, force: true })
    symlinkSync(path.join(root, target), path.join(root, link))
  }
}

test('a link that takes a file’s place after the walk is refused as the walk would have', {
  skip,
}, async (t) => {
  const rows: [name: string, conf: string, url: string, swap: Swap, status: number, text?: string][] = [
    ['the file', HELD, '/held/a.txt', replace('held/a.txt', 'out/a.txt'), 403],
    ['a directory above it', HELD, '/held/sub/a.txt', replace('held/sub', 'out'), 403],
    ['the uppermost one', ALL_HELD, '/held/a.txt', replace('held', 'out'), 403],
    ['links are free', '', '/held/a.txt', replace('held/a.txt', 'out/a.txt'), 200, 'secret'],
    ['free below', FREE_BELOW, '/held/a.txt', replace('held/a.txt', 'out/a.txt'), 200, 'secret'],
    ['not free above', FREE_BELOW, '/held/a.txt', replace('held', 'out'), 403],
    ['the same owner', OWNERS, '/held/a.txt', replace('held/a.txt', 'out/a.txt'), 200, 'secret'],
    ['gone', HELD, '/held/a.txt', (root) => rmSync(path.join(root, 'held/a.txt')), 404],
    [
      'another file',
      HELD,
      '/held/a.txt',
      (root) => renameSync(path.join(root, 'held/sub/a.txt'), path.join(root, 'held/a.txt')),
      200,
      'sub',
    ],
  ]
  for (const [name, conf, url, swap, status, text] of rows)
    await t.test(name, async () => {
      const answer = await swapped(conf, url, swap)
      assert.equal(answer.status, status, answer.text)
      if (text !== undefined) assert.equal(answer.text, text)
      assert.equal(
        answer.records.some((record) => record.includes('AH00037')),
        status === 403,
      )
    })
})

test('a link to a place of its own that is allowed may be exchanged, as deployments do', {
  skip,
}, async () => {
  const prepare: Swap = (root) => symlinkSync(path.join(root, 'held'), path.join(root, 'current'))
  const next = replace('current', 'out')
  for (const conf of ['', '<Directory "${ROOT}/current">\nOptions -FollowSymLinks\n</Directory>']) {
    const answer = await swapped(conf, '/current/a.txt', next, prepare)
    assert.deepEqual([answer.status, answer.text], [200, 'secret'])
  }
})

/** Exchanges a directory and a link, as fast as it can, until it is told to leave. */
const SWAPPER = `
const fs = require('node:fs')
const [dir, link, place] = process.argv.slice(2)
process.on('disconnect', () => process.exit())
const round = () => {
  for (let at = 0; at < 50; at++) {
    fs.renameSync(place, dir); fs.renameSync(link, place)
    fs.renameSync(place, link); fs.renameSync(dir, place)
  }
  setImmediate(round)
}
process.send('ready')
round()
`

test('links that are exchanged while requests run let nobody out', { skip }, async () => {
  await withFront(
    HELD,
    {
      files: FILES,
      prepare: (root) => {
        mkdirSync(path.join(root, 'work'))
        writeFileSync(path.join(root, 'work/swap.cjs'), SWAPPER)
        symlinkSync(path.join(root, 'out'), path.join(root, 'held/link'))
      },
    },
    async ({ port, root }) => {
      const places = ['held/dir', 'held/link', 'held/sub'].map((name) => path.join(root, name))
      const swapper = fork(path.join(root, 'work/swap.cjs'), places)
      try {
        await once(swapper, 'message')
        for (let round = 0; round < 40; round++) {
          const answers = await Promise.all(Array.from({ length: 10 }, () => ask(port, '/held/sub/a.txt')))
          for (const { status, text } of answers) {
            assert.ok([200, 403, 404].includes(status), String(status))
            if (status === 200) assert.equal(text, 'sub')
          }
        }
      } finally {
        const left = once(swapper, 'exit')
        swapper.disconnect()
        await left
      }
    },
  )
})
