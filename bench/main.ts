/**
 * Compares this server with the peers that are installed, scenario by scenario, and writes each scenario's table into `bench/RESULTS.md`.
 * Servers take turns, since the speed of a shared machine can double or halve from one minute to the next; tables hold medians and ranges.
 *
 * Usage: npm run bench -- [SCENARIO…] [--quick] [--only TEXT] [--seconds N] [--no-write]
 * Without a scenario, all of them are run: about three quarters of an hour, with --quick a quarter.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from './installed.js'
import { checkTools } from './load.js'
import { replaceSection } from './results.js'
import { stopAll } from './running.js'
import { LeftOut, type Measure, runScenario, type Scenario, secondsOf } from './scenario.js'
import { blocking } from './scenarios/blocking.js'
import { bodies } from './scenarios/bodies.js'
import { clients } from './scenarios/clients.js'
import { configuration } from './scenarios/configuration.js'
import { connections } from './scenarios/connections.js'
import { frameworks } from './scenarios/frameworks.js'
import { handshakesScenario } from './scenarios/handshakes.js'
import { hello } from './scenarios/hello.js'
import { scale } from './scenarios/scale.js'
import { start } from './scenarios/start.js'
import { versions } from './versions.js'

const SCENARIOS: readonly Scenario[] = [
  ...[
    hello,
    frameworks,
    blocking,
    bodies,
    connections,
    handshakesScenario,
    clients,
    configuration,
    scale,
    start,
  ],
]
const RESULTS = join(ROOT, 'bench/RESULTS.md')
/** Seconds. Granian has been seen to take three for its start. */
const PATIENCE = 15

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    seconds: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  checkTools()
  const unknown = positionals.find((name) => SCENARIOS.every((scenario) => scenario.name !== name))
  if (unknown !== undefined) {
    const names = SCENARIOS.map(({ name }) => name).join(', ')
    throw new Error(`there is no scenario '${unknown}'; there are ${names}`)
  }
  const chosen = SCENARIOS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  const base = mkdtempSync(join(tmpdir(), 'wsgi-httpd-bench-'))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, async () => {
      await stopAll()
      rmSync(base, { recursive: true, force: true })
      process.exit(1)
    })
  try {
    const settings = prepare(base)
    // what may change while they run is asked before
    versions()
    for (const scenario of chosen) await make(scenario, settings)
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
}

/** Measures one scenario and writes its section; what goes wrong with it does not keep the others from their turn. */
async function make(scenario: Scenario, settings: Measure): Promise<void> {
  try {
    const began = performance.now()
    const text = await runScenario(scenario, settings, options.only)
    const minutes = ((performance.now() - began) / 60_000).toFixed(1)
    const section = `${text}\n\n${conditions(scenario, settings)} Made in ${minutes} minutes.\n`
    process.stdout.write(`\n${section}`)
    if (!options['no-write']) write(scenario, section)
  } catch (error) {
    const what = error instanceof LeftOut ? `left out: ${error.message}` : (error as Error).stack
    process.stderr.write(`${scenario.name}: ${what}\n`)
    if (!(error instanceof LeftOut)) process.exitCode = 1
  }
}

/** The application and a certificate, where servers that run as another user can read them. */
function prepare(base: string): Measure {
  chmodSync(base, 0o755)
  const app = join(base, 'app')
  cpSync(join(ROOT, 'bench/app'), app, { recursive: true })
  const [certificate, key] = [join(base, 'certificate.pem'), join(base, 'key.pem')]
  const curve = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    '/CN=localhost',
  ]
  spawnSync('openssl', ['req', '-x509', ...curve, '-days', '2', '-keyout', key, '-out', certificate])
  const seconds = Number(options.seconds ?? (options.quick ? 1 : 3))
  return { base, app, certificate, key, quick: options.quick, seconds, patience: PATIENCE }
}

function conditions(scenario: Scenario, settings: Measure): string {
  const { quick } = settings
  const { model = 'unknown processor' } = cpus()[0] ?? {}
  const round = scenario.rounds[quick ? 1 : 0]
  const often = round === 1 ? '1 round' : `${round} rounds`
  return `${new Date().toISOString().slice(0, 10)}; ${cpus().length} × ${model}; ${often} of ${secondsOf(scenario, settings)} s${quick ? ', --quick' : ''}; load made on the same cores, over the loopback interface. ${versions()}`
}

function write({ name }: Scenario, section: string): void {
  const before = existsSync(RESULTS) ? readFileSync(RESULTS, 'utf8') : ''
  const order = SCENARIOS.map((scenario) => scenario.name)
  writeFileSync(RESULTS, replaceSection(before, order, name, section))
}

await main()
