/**
 * What a scenario is, how its servers take turns, and what becomes of one that hangs, dies or refuses: its row says so, and the next takes its turn.
 */
import { join } from 'node:path'
import { missing } from './installed.js'
import { Running, within } from './running.js'
import type { Bench, Surroundings } from './servers.js'
import { type Column, type Row, table } from './table.js'

/** What one look at one server came to: a number for each column, where there is one. */
export type Sample = Readonly<Record<string, number>>

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
  /** Directory of `hello.py` in that of the other scenarios' application. */
  readonly folder?: string
  readonly servers: readonly Bench[]
  readonly columns: readonly Column[]
  /** How often each server's turn comes, and with `--quick`. */
  readonly rounds: readonly [number, number]
  measure(running: Running, settings: Measure, server: Bench): Promise<Sample>
  /** Before the first round. @throws LeftOut */
  begin?(settings: Measure): Promise<Begun>
}

export interface Begun {
  /** What has been found, for the reader of the table. */
  readonly note?: string
  /** After the last round. */
  end(): Promise<void>
}

/** Something that a whole scenario needs is not there. */
export class LeftOut extends Error {}

/** No turn takes longer, whatever its server does: so many seconds, and so many times the length of a load. */
const TURN_MAX = { seconds: 120, loads: 20 }
/** What is left of a turn ends within that when its server is gone. */
const SETTLE_MS = 30_000

/** @returns the scenario's part of the results, as Markdown @throws LeftOut */
export async function runScenario(scenario: Scenario, given: Measure, only: string): Promise<string> {
  const settings = { ...given, app: join(given.app, scenario.folder ?? '') }
  const say = (text: string) => void process.stderr.write(`${scenario.name}: ${text}\n`)
  const chosen = scenario.servers.filter(({ name }) => name.includes(only))
  const left = chosen.flatMap((server) => {
    const absent = missing(server)
    return absent === undefined ? [] : [`${server.name} (${absent} is not there)`]
  })
  const turns = new Map<Bench, Turn[]>()
  for (const server of chosen) if (missing(server) === undefined) turns.set(server, [])
  const begun = await scenario.begin?.(settings)
  try {
    for (let round = 0; round < scenario.rounds[settings.quick ? 1 : 0]; round++)
      for (const [server, taken] of turns) {
        const one = await turn(scenario, server, settings)
        taken.push(one)
        say(table(scenario.columns, [row(server, [one])]).at(-1) as string)
        if (one.output) say(one.output)
      }
  } finally {
    await begun?.end()
  }
  const notes = [begun?.note, left.length > 0 ? `Left out: ${left.join(', ')}.` : undefined]
  return [
    `## ${scenario.title}`,
    '',
    scenario.about,
    ...notes.flatMap((note) => (note ? ['', note] : [])),
    '',
    ...table(
      scenario.columns,
      [...turns].map(([server, taken]) => row(server, taken)),
    ),
  ].join('\n')
}

interface Turn {
  readonly sample?: Sample
  readonly remarks: Iterable<string>
  /** What the server printed, if there is no sample. */
  readonly output?: string
}

function row({ name }: Bench, turns: readonly Turn[]): Row {
  const lost = turns.filter(({ sample }) => sample === undefined).length
  const remarks = turns.flatMap(({ sample, remarks }) =>
    [...remarks].map((remark) =>
      sample === undefined && lost < turns.length ? `${lost} of ${turns.length} turns: ${remark}` : remark,
    ),
  )
  return {
    name,
    samples: turns.flatMap(({ sample }) => (sample === undefined ? [] : [sample])),
    remarks: new Set(remarks),
  }
}

async function turn(scenario: Scenario, server: Bench, settings: Measure): Promise<Turn> {
  let running: Running
  try {
    running = await Running.start(server, settings)
  } catch (error) {
    return failure(error as Error)
  }
  const seconds = TURN_MAX.seconds + TURN_MAX.loads * settings.seconds
  const work = scenario.measure(running, settings, server)
  try {
    if (!(await within(seconds * 1000, work))) throw new Error(`came to no end within ${seconds} s`)
    return { sample: await work, remarks: running.remarks }
  } catch (error) {
    return failure(await running.trouble(error as Error))
  } finally {
    await running.stop()
    await within(
      SETTLE_MS,
      work.catch(() => {}),
    )
  }
}

function failure({ message, cause }: Error): Turn {
  return { remarks: [message], output: typeof cause === 'string' ? cause : '' }
}
