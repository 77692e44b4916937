/**
 * Runs all cases against one running server, several at a time, and judges them once its logs are complete.
 */
import { readFileSync } from 'node:fs'
import { connect as connectSecurely } from 'node:tls'
import type { Case } from './case.js'
import { judge, type LogRecord } from './judge.js'
import type { Release } from './mod-wsgi-module.js'
import { planOf } from './request.js'
import type { Run } from './site.js'
import { type Conversation, converse, type Open, openPlain } from './wire.js'
import { converseOverHttp2 } from './wire-http2.js'

/** Fewer than the threads of a daemon process: some cases send a second request while the first waits. */
const AT_A_TIME = 4

export interface Outcome {
  readonly run: Run
  /** What differs from what the case expects. */
  readonly wrong: readonly string[]
}

/** The answers of all runs, or what went wrong with asking. */
export async function askAll(runs: readonly Run[], root: string): Promise<Map<Run, Conversation | Error>> {
  const answers = new Map<Run, Conversation | Error>()
  const waiting = [...runs]
  const ask = async (): Promise<void> => {
    for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) {
      try {
        answers.set(run, await askOne(run, root))
      } catch (error) {
        answers.set(run, error as Error)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, ask))
  return answers
}

function askOne(run: Run, root: string): Promise<Conversation> {
  const { steps, methods } = planOf(run)
  const { over } = run.case
  if (over === 'h2' || over === 'h2c') return converseOverHttp2(over, run.port, steps)
  return converse(over === 'http' ? openPlain(run.port) : secure(run, root), steps, methods)
}

/** With the certificate that `writeCertificates` has made for clients, where the case wants one. */
function secure({ port, case: { over } }: Run, root: string): Open {
  const own =
    over === 'tls-client'
      ? { cert: readFileSync(`${root}/client.crt`), key: readFileSync(`${root}/client.key`) }
      : {}
  return () =>
    connectSecurely({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false, ...own })
}

/**
 * @param caseLog The access log with lines of log id, name of the run, status.
 * @param errorLog Its lines begin with level and log id.
 */
export function judgeAll(
  answers: ReadonlyMap<Run, Conversation | Error>,
  caseLog: string,
  errorLog: string,
): Outcome[] {
  const owner = new Map<string, string>()
  for (const line of caseLog.split('\n')) {
    const [id = '', name = ''] = line.split(' ')
    if (id !== '-') owner.set(id, name)
  }
  const records = new Map<string, LogRecord[]>()
  for (const line of errorLog.split('\n')) {
    const [, level = '', id = '', text = ''] = /^\[(\w+)\] (\S+) (.*)$/.exec(line) ?? []
    const name = owner.get(id)
    if (name === undefined) continue
    const list = records.get(name) ?? []
    list.push({ level, text })
    records.set(name, list)
  }
  return [...answers].map(([run, told]) => ({
    run,
    wrong:
      told instanceof Error
        ? [told.message]
        : judge(run, told, records.get(`${run.mode}/${run.case.id}`) ?? []),
  }))
}

/** The modes in which a case is known to be different on Apache with that release of mod_wsgi, with the reason. */
export function knownDifferences(one: Case, release: Release): Map<string, string> {
  const lines = one.sections[release === '4' ? 'differs' : `differs ${release}`] ?? []
  const known = new Map<string, string>()
  let mode = ''
  for (const line of lines) {
    const [, name, text = ''] = /^(embedded|daemon|both): (.*)$/.exec(line) ?? []
    if (name !== undefined) mode = name
    for (const each of mode === 'both' ? ['embedded', 'daemon'] : [mode])
      known.set(each, name === undefined ? `${known.get(each)} ${line}` : text)
  }
  return known
}
