/**
 * The conformance suite against wsgi-httpd: one server with all cases in every mode that this machine's Pythons allow.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { skipWithoutOpenssl } from '../support/certificates.js'
import { findPython, skipWithout, usable } from '../support/pythons.js'
import { PROJECT, withServer } from '../support/server.js'
import { type Mode, readConformanceCases } from './case.js'
import { describeDifferences, tableIn } from './differences.js'
import { RELEASES } from './mod-wsgi-module.js'
import { askAll, judgeAll, type Outcome } from './run.js'
import {
  caseConfiguration,
  commonConfiguration,
  type Ports,
  runsOf,
  secureConfiguration,
  writeCertificates,
  writeScripts,
} from './site.js'

const cases = readConformanceCases()
/** Those that can be asked here. */
const asked = cases.filter(({ over }) => !skipWithoutOpenssl || over === 'http')

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
  const conf = `Include "\${ROOT}/cases.conf"\n# \${PORT} \${PORT2} \${PORT3}\n`
  const portsOf = ([plain = 0, tls = 0, h2c = 0]: readonly number[]): Ports => ({ plain, tls, h2c })
  await withServer(
    {
      conf,
      prepare: (layout) => {
        const ports = portsOf(layout.ports)
        const runs = runsOf(asked, modes, layout.root, ports)
        writeScripts(runs)
        if (!skipWithoutOpenssl) writeCertificates(layout.root)
        const python2 = findPython('2.7')
        const home = (mode: Mode) => (mode === 'python2' && python2 ? usable(python2).home : undefined)
        const secure = skipWithoutOpenssl ? '' : secureConfiguration(layout.root, ports)
        layout.write('cases.conf', commonConfiguration(modes, home) + secure + caseConfiguration(runs))
      },
    },
    async (server) => {
      const runs = runsOf(asked, modes, server.root, portsOf(server.layout.ports))
      const answers = await askAll(runs, server.root)
      // Its logs are complete once it has gone.
      await server.stop()
      found = judgeAll(answers, server.layout.read('case.log'), server.errorLog())
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
