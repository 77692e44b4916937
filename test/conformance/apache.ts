/**
 * `npm run conformance:apache`: the conformance cases against the Apache httpd of this machine, with one of two mod_wsgi (mod-wsgi-module.ts): the
 * distribution's, of release 4, and with `--release=6` one of PyPI. Prints every difference from what the cases expect, and fails for one that no
 * case explains, and for an explained one that is not there. With `--write` it renews that release's table in docs/differences.md; with further
 * words it runs the cases whose names contain one of them.
 */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePorts, PROJECT } from '../support/server.js'
import { until } from '../support/wait.js'
import { type Mode, readConformanceCases } from './case.js'
import { withTable } from './differences.js'
import { findModule, pythonHomeLine, type Release, releaseOf } from './mod-wsgi-module.js'
import { askAll, judgeAll, knownDifferences, type Outcome } from './run.js'
import { caseConfiguration, commonConfiguration, runsOf, writeScripts } from './site.js'

const APACHE = '/usr/sbin/apache2'
const MODULES = '/usr/lib/apache2/modules'
const LOADED =
  'mpm_event authz_core authz_host alias dir mime negotiation env setenvif headers rewrite actions'
const MODES: readonly Mode[] = ['embedded', 'daemon']

function configuration(root: string, port: number): string {
  const isRoot = process.getuid?.() === 0
  return `ServerName localhost
ServerRoot "${root}"
Listen 127.0.0.1:${port}
PidFile "${root}/httpd.pid"
DefaultRuntimeDir "${root}"
WSGISocketPrefix "${root}/socket"
ErrorLog "${root}/error.log"
DocumentRoot "${root}/htdocs"
TypesConfig /etc/mime.types
ServerLimit 1
StartServers 1
ThreadsPerChild 16
MaxRequestWorkers 16
MinSpareThreads 1
MaxSpareThreads 16
KeepAliveTimeout 5
${isRoot ? 'User nobody\nGroup nogroup\n' : ''}<Directory "${root}">
    Require all granted
</Directory>
`
}

/** @param module The file of mod_wsgi. @param release What it has to say of itself. */
async function askApache(words: readonly string[], module: string, release: Release): Promise<Outcome[]> {
  const root = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-conformance-'))
  chmodSync(root, 0o755)
  mkdirSync(path.join(root, 'htdocs'))
  const [port = 0] = await freePorts(1)
  const cases = readConformanceCases().filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  )
  const runs = runsOf(cases, MODES, root)
  writeScripts(runs, port)
  const load = LOADED.split(' ').map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so\n`)
  load.push(`LoadModule wsgi_module ${module}\n`, pythonHomeLine())
  const text =
    configuration(root, port) + commonConfiguration(MODES, () => undefined) + caseConfiguration(runs, port)
  const file = path.join(root, 'httpd.conf')

  writeFileSync(file, load.join('') + text)
  const server = spawn(APACHE, ['-f', file, '-DFOREGROUND'], { stdio: ['ignore', 'inherit', 'inherit'] })
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const log = () => (existsSync(`${root}/error.log`) ? readFileSync(`${root}/error.log`, 'latin1') : '')
  try {
    await until('Apache to start', () => {
      return server.exitCode !== null || log().includes('resuming normal operations')
    })
    if (server.exitCode !== null) throw new Error(`Apache did not start: ${log()}`)
    const found = releaseOf(log())
    if (found !== release) throw new Error(`${module} is of release ${found}, not ${release}`)
    const answers = await askAll(runs, port)
    server.kill('SIGTERM')
    await ended
    return judgeAll(answers, port, readFileSync(`${root}/case.log`, 'latin1'), log())
  } finally {
    server.kill('SIGTERM')
    await ended
    if (process.env.KEEP === undefined) rmSync(root, { recursive: true })
    else console.log(`kept: ${root}`)
  }
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
const outcomes = await askApache(words, module, release)
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
if (process.argv.includes('--write')) {
  const page = path.join(PROJECT, 'docs', 'differences.md')
  writeFileSync(page, withTable(readFileSync(page, 'utf8'), readConformanceCases(), release, outcomes))
}
console.log(
  `mod_wsgi ${release}: ${outcomes.length} runs; ${known} known differences, ${unexpected} unexpected`,
)
process.exitCode = unexpected > 0 ? 1 : 0
