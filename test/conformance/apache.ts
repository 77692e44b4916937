/**
 * `npm run conformance:apache`: the conformance cases against the Apache httpd of this machine, with one of two mod_wsgi (mod-wsgi-module.ts): the
 * distribution's, of release 4, and with `--release=6` one of PyPI. Prints every difference from what the cases expect, and fails for one that no
 * case explains, and for an explained one that is not there. With `--write` it renews that release's table in docs/differences.md; with further
 * words it runs the cases whose names contain one of them. With the distribution's module, the cases about the server around the applications follow
 * (httpd/apache.ts) and the corpus of hostile requests (../hostile/beside-apache.ts); `--applications`, `--httpd` and `--hostile` leave the others
 * out.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { compareHostile } from '../hostile/beside-apache.js'
import { freePorts, PROJECT } from '../support/server.js'
import { APACHE, loadModules, MODULES, withApache } from './apache-server.js'
import { type Mode, readConformanceCases } from './case.js'
import { withTable } from './differences.js'
import { compareHttpd } from './httpd/apache.js'
import { findModule, pythonHomeLine, type Release, releaseOf } from './mod-wsgi-module.js'
import { preamble } from './preamble.js'
import { askAll, judgeAll, knownDifferences, type Outcome } from './run.js'
import {
  caseConfiguration,
  commonConfiguration,
  type Ports,
  runsOf,
  secureConfiguration,
  writeCertificates,
  writeScripts,
} from './site.js'

const LOADED =
  'mpm_event authn_core authz_core authz_host authz_user auth_basic auth_digest authn_file alias dir mime negotiation env setenvif headers rewrite actions filter deflate ssl http2'
const MODES: readonly Mode[] = ['embedded', 'daemon']

function configuration(root: string, port: number): string {
  return `${preamble(root, [port], 'localhost', '/etc/mime.types')}WSGISocketPrefix "${root}/socket"\n`
}

/** @param module The file of mod_wsgi. @param release What it has to say of itself. */
async function askApache(words: readonly string[], module: string, release: Release): Promise<Outcome[]> {
  const [plain = 0, tls = 0, h2c = 0] = await freePorts(3)
  const ports: Ports = { plain, tls, h2c }
  const cases = readConformanceCases().filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  )
  if (cases.length === 0) return []
  const load = [...loadModules(LOADED.split(' ')), `LoadModule wsgi_module ${module}`, pythonHomeLine()]
  const configure = (root: string): string => {
    const runs = runsOf(cases, MODES, root, ports)
    writeScripts(runs)
    writeCertificates(root)
    const text =
      configuration(root, plain) +
      commonConfiguration(MODES, () => undefined) +
      secureConfiguration(root, ports) +
      caseConfiguration(runs)
    // The file is written as Latin-1: a character of this is a byte.
    return Buffer.from(text).toString('latin1')
  }
  return withApache(load, configure, async (stop, root) => {
    const read = (name: string) => readFileSync(path.join(root, name), 'latin1')
    const found = releaseOf(read('error.log'))
    if (found !== release) throw new Error(`${module} is of release ${found}, not ${release}`)
    const answers = await askAll(runsOf(cases, MODES, root, ports), root)
    await stop()
    return judgeAll(answers, read('case.log'), read('error.log'))
  })
}

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const release: Release = process.argv.includes('--release=6') ? '6' : '4'
if (!existsSync(APACHE)) {
  console.error(`There is no ${APACHE} here.`)
  process.exit(1)
}
const module = findModule(release, MODULES)
if (typeof module !== 'string') {
  console.error(module.fault)
  process.exit(1)
}
const isPart = ['--applications', '--httpd', '--hostile'].some((word) => process.argv.includes(word))
const outcomes =
  isPart && !process.argv.includes('--applications') ? [] : await askApache(words, module, release)
let unexpected = 0
let known = 0
for (const { run, wrong } of outcomes) {
  const why = knownDifferences(run.case, release).get(run.mode)
  if (why === undefined && wrong.length === 0) continue
  if (why !== undefined && wrong.length > 0) known++
  else unexpected++
  const verdict =
    why === undefined ? 'NOT EXPLAINED' : wrong.length === 0 ? 'NO DIFFERENCE ANY MORE' : 'known'
  console.log(
    `${verdict}  ${run.case.name}, ${run.mode}\n    ${wrong.join('\n    ')}${why ? `\n    because: ${why}` : ''}`,
  )
}
const isWriting = process.argv.includes('--write')
if (isWriting && words.length === 0 && outcomes.length > 0) {
  const page = path.join(PROJECT, 'docs', 'differences.md')
  writeFileSync(page, withTable(readFileSync(page, 'utf8'), readConformanceCases(), release, outcomes))
}
console.log(
  `mod_wsgi ${release}: ${outcomes.length} runs; ${known} known differences, ${unexpected} unexpected`,
)
const asks = (part: string) => release === '4' && (!isPart || process.argv.includes(part))
const isHttpdAsExpected = !asks('--httpd') || (await compareHttpd(words, isWriting))
const isHostileAsExpected = !asks('--hostile') || words.length > 0 || (await compareHostile())
process.exitCode = unexpected > 0 || !isHttpdAsExpected || !isHostileAsExpected ? 1 : 0
