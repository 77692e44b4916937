/** The configurations that README and the pages under docs/ show can be copied: each is read without a fault. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { isRoot } from '../support/cache.js'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../support/certificates.js'
import { skipWithout } from '../support/pythons.js'
import { type Layout, PROJECT, withConfiguration } from '../support/server.js'

const PAGES = ['README.md', ...readdirSync(path.join(PROJECT, 'docs')).map((name) => `docs/${name}`)]

/** What pages name and a machine need not have: Pythons, accounts, certificates, the rest of a site. */
const HERE: readonly (readonly [RegExp, string])[] = [
  [/python-home=\S+/g, 'python-home="${PYTHON}"'],
  [/ (user|group)=\S+/g, isRoot ? ' $1=#65534' : ''],
  [/\/etc\/ssl\/\S+\.pem/g, '"${ROOT}/site.crt"'],
  [/\/etc\/ssl\/\S+\.key/g, '"${ROOT}/site.key"'],
  [/^ *Listen .*$/gm, ''],
  [/^ *Include .*$/gm, ''],
  [/^ *PidFile .*$/gm, ''],
]

describe('configurations in the documentation', { skip: skipWithout('3') || skipWithoutOpenssl }, () => {
  for (const page of PAGES) {
    const text = page.endsWith('.md') ? readFileSync(path.join(PROJECT, page), 'utf8') : ''
    const blocks = [...text.matchAll(/```apache\n(.*?)```/gs)].map((match) => match[1] ?? '')
    for (const [number, block] of blocks.entries())
      test(`${page}, ${number + 1}`, async () => {
        const conf = HERE.reduce((so, [pattern, by]) => so.replace(pattern, by), block)
        const prepare = ({ root }: Layout) => {
          mkdirSync(path.join(root, 'logs'))
          makeAuthority(root)
          makeCertificate(root, 'site')
        }
        await withConfiguration({ conf, prepare }, ['-t'], ({ stderr }) => {
          assert.match(stderr, /Syntax OK/)
          assert.doesNotMatch(stderr, /: error: /)
        })
      })
  }
})
