/**
 * The conformance suite against wsgi-httpd: one server with all cases in every mode that this machine's Pythons allow.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { findPython, skipWithout, usable } from '../support/pythons.js'
import { PROJECT, withServer } from '../support/server.js'
import { type Mode, readConformanceCases } from './case.js'
import { describeDifferences, tableIn } from './differences.js'
import { RELEASES } from './mod-wsgi-module.js'
import { askAll, judgeAll, type Outcome } from './run.js'
import { caseConfiguration, commonConfiguration, runsOf, writeScripts } from './site.js'

const cases = readConformanceCases()

function modesHere(): Mode[] {
  const python3 = findPython('3')
  if (python3 === undefined) return []
  return [
    ...(python3.sharedLibrary === undefined ? [] : ['embedded' as const]),
    'daemon',
    ...(findPython('2.7') === undefined ? [] : ['python2' as const]),
  ]
}

async function outcomes(): Promise<Outcome[]> {
  const modes = modesHere()
  let found: Outcome[] = []
  const conf = `Include "\${ROOT}/cases.conf"\n# \${PORT}\n`
  await withServer(
    {
      conf,
      prepare: (layout) => {
        const port = layout.ports[0] as number
        const runs = runsOf(cases, modes, layout.root)
        writeScripts(runs, port)
        const python2 = findPython('2.7')
        const home = (mode: Mode) => (mode === 'python2' && python2 ? usable(python2).home : undefined)
        layout.write('cases.conf', commonConfiguration(modes, home) + caseConfiguration(runs, port))
      },
    },
    async (server) => {
      const runs = runsOf(cases, modes, server.root)
      const answers = await askAll(runs, server.port)
      // Its logs are complete once it has gone.
      await server.stop()
      found = judgeAll(answers, server.port, server.layout.read('case.log'), server.errorLog())
    },
  )
  return found
}

describe('conformance', { skip: skipWithout('3') }, async () => {
  for (const { run, wrong } of skipWithout('3') ? [] : await outcomes())
    test(`${run.case.name}, ${run.mode}`, () => assert.deepEqual(wrong, []))
})

for (const release of RELEASES)
  test(`docs/differences.md lists the differences from mod_wsgi ${release} that the cases know of`, () => {
    const rows = tableIn(readFileSync(`${PROJECT}docs/differences.md`, 'utf8'), release)
    const known = describeDifferences(cases, release)
    for (const { name, mode, why } of known) {
      const row = rows.find((line) => line.startsWith(`| ${name} | ${mode} |`))
      const renew = `npm run conformance:apache -- --write${release === '4' ? '' : ` --release=${release}`}`
      assert.ok(row?.endsWith(`| ${why} |`), `${name}, ${mode}: run ${renew}`)
    }
  })
