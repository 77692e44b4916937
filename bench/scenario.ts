/**
 * What a scenario is, how its servers take turns, and how its table is written.
 */
import { Running } from './running.js'
import { type Bench, missing, type Surroundings } from './servers.js'

/** What one look at one server came to: a number for each column, where there is one. */
export type Sample = Readonly<Record<string, number>>

export interface Column {
  readonly key: string
  readonly title: string
  readonly digits?: number
}

export interface Measure extends Surroundings {
  readonly quick: boolean
  /** How long one load lasts. */
  readonly seconds: number
}

export interface Scenario {
  readonly name: string
  readonly title: string
  /** What is measured, for the reader of the table. */
  readonly about: string
  readonly servers: readonly Bench[]
  readonly columns: readonly Column[]
  /** How often each server's turn comes, and with `--quick`. */
  readonly rounds: readonly [number, number]
  measure(running: Running, settings: Measure, server: Bench): Promise<Sample>
  /** Before the first round, and after the last one. */
  begin?(settings: Measure): Promise<() => Promise<void>>
}

/** @returns the scenario's part of the results, as Markdown */
export async function runScenario(scenario: Scenario, settings: Measure, only: string): Promise<string> {
  const samples = new Map<Bench, Sample[]>()
  const say = (text: string) => void process.stderr.write(`${scenario.name}: ${text}\n`)
  const left: string[] = []
  for (const server of scenario.servers) {
    const absent = missing(server)
    if (!server.name.includes(only)) continue
    if (absent === undefined) samples.set(server, [])
    else left.push(`${server.name} (${absent} is not there)`)
  }
  const over = await scenario.begin?.(settings)
  try {
    for (let round = 0; round < scenario.rounds[settings.quick ? 1 : 0]; round++)
      for (const [server, taken] of samples) {
        const sample = await turn(scenario, server, settings).catch((error: Error) => {
          say(error.message)
          return undefined
        })
        if (sample === undefined) continue
        taken.push(sample)
        say(`${server.name}: ${scenario.columns.map((column) => cell(column, [sample])).join(' | ')}`)
      }
  } finally {
    await over?.()
  }
  const failed = [...samples].filter(([, taken]) => taken.length === 0).map(([{ name }]) => name)
  return [
    `## ${scenario.title}`,
    '',
    scenario.about,
    ...(left.length > 0 ? ['', `Left out: ${left.join(', ')}.`] : []),
    ...(failed.length > 0 ? ['', `Failed: ${failed.join(', ')}.`] : []),
    '',
    `| server | ${scenario.columns.map(({ title }) => title).join(' | ')} |`,
    `|---|${scenario.columns.map(() => '---:|').join('')}`,
    ...[...samples]
      .filter(([, taken]) => taken.length > 0)
      .map(
        ([{ name }, taken]) =>
          `| ${name} | ${scenario.columns.map((column) => cell(column, taken)).join(' | ')} |`,
      ),
  ].join('\n')
}

async function turn(scenario: Scenario, server: Bench, settings: Measure): Promise<Sample> {
  const running = await Running.start(server, settings)
  try {
    return await scenario.measure(running, settings, server)
  } finally {
    await running.stop()
  }
}

/** The median, and the range where there is one. */
function cell({ key, digits = 0 }: Column, samples: readonly Sample[]): string {
  const numbers = samples
    .map((sample) => sample[key])
    .filter((number): number is number => number !== undefined && !Number.isNaN(number))
    .sort((a, b) => a - b)
  const [first, last] = [numbers[0], numbers.at(-1)]
  if (first === undefined || last === undefined) return '–'
  const half = numbers.length >> 1
  const upper = numbers[half] as number
  const median = numbers.length % 2 === 1 ? upper : ((numbers[half - 1] as number) + upper) / 2
  const middle = median.toFixed(digits)
  return numbers.length === 1 ? middle : `${middle} (${first.toFixed(digits)}–${last.toFixed(digits)})`
}
