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
  /** The longest that one load of it may last. */
  readonly seconds?: number
  /**
   * All servers run at the same time, and are made ready by this before the first turn; without it each is started for its turn. For short turns one right
   * after the other: the speed of a shared machine changes from one minute to the next.
   */
  warm?(running: Running, settings: Measure): Promise<unknown>
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

/** How long one load of the scenario lasts. */
export function secondsOf(scenario: Scenario, { seconds }: Measure): number {
  return Math.min(seconds, scenario.seconds ?? seconds)
}

/** @returns the scenario's part of the results, as Markdown @throws LeftOut */
export async function runScenario(scenario: Scenario, given: Measure, only: string): Promise<string> {
  const settings = {
    ...given,
    seconds: secondsOf(scenario, given),
    app: join(given.app, scenario.folder ?? ''),
  }
  const say = (text: string) => void process.stderr.write(`${scenario.name}: ${text}\n`)
  const chosen = scenario.servers.filter(({ name }) => name.includes(only))
  const left = chosen.flatMap((server) => {
    const absent = missing(server)
    return absent === undefined ? [] : [`${server.name} (${absent} is not there)`]
  })
  const turns = new Map<Bench, Turn[]>()
  for (const server of chosen) if (missing(server) === undefined) turns.set(server, [])
  const begun = await scenario.begin?.(settings)
  const kept = scenario.warm === undefined ? undefined : await startAll(scenario, settings, turns)
  try {
    for (let round = 0; round < scenario.rounds[settings.quick ? 1 : 0]; round++)
      for (const [server, taken] of turns) {
        if (kept !== undefined && !kept.has(server)) continue
        const one = await turn(scenario, server, settings, kept)
        taken.push(one)
        say(table(scenario.columns, [row(server, [one])]).at(-1) as string)
        if (one.output) say(one.output)
      }
  } finally {
    for (const running of kept?.values() ?? []) await running.stop()
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

/** Starts all servers. What does not start, or cannot be made ready, has that for its only turn. */
async function startAll(
  scenario: Scenario,
  settings: Measure,
  turns: Map<Bench, Turn[]>,
): Promise<Map<Bench, Running>> {
  const kept = new Map<Bench, Running>()
  for (const server of turns.keys()) {
    const running = await Running.start(server, settings).catch((error: Error) => error)
    const trouble =
      running instanceof Error
        ? running
        : await within(limit(settings), Promise.resolve(scenario.warm?.(running, settings))).then(
            (ready) => (ready ? undefined : new Error('could not be made ready in time')),
            (error: Error) => running.trouble(error),
          )
    if (trouble !== undefined) turns.get(server)?.push(failure(trouble))
    if (trouble === undefined && running instanceof Running) kept.set(server, running)
    else if (running instanceof Running) await running.stop()
  }
  return kept
}

/** @param kept servers that stay when the turn is over, where there are any */
async function turn(
  scenario: Scenario,
  server: Bench,
  settings: Measure,
  kept?: Map<Bench, Running>,
): Promise<Turn> {
  let running: Running
  try {
    running = kept?.get(server) ?? (await Running.start(server, settings))
  } catch (error) {
    return failure(error as Error)
  }
  const seconds = limit(settings) / 1000
  const work = scenario.measure(running, settings, server)
  try {
    if (!(await within(limit(settings), work))) throw new Error(`came to no end within ${seconds} s`)
    return { sample: await work, remarks: running.remarks }
  } catch (error) {
    kept?.delete(server)
    return failure(await running.trouble(error as Error))
  } finally {
    if (kept?.get(server) !== running) await running.stop()
    await within(
      SETTLE_MS,
      work.catch(() => {}),
    )
  }
}

/** Milliseconds. */
function limit({ seconds }: Measure): number {
  return (TURN_MAX.seconds + TURN_MAX.loads * seconds) * 1000
}

function failure({ message, cause }: Error): Turn {
  return { remarks: [message], output: typeof cause === 'string' ? cause : '' }
}
