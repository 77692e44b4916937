/**
 * The second half of `npm run conformance:apache`: the cases about the server around the applications, asked of the Apache httpd of this machine and
 * of wsgi-httpd side by side.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { freePorts, PROJECT } from '../../support/server.js'
import { APACHE, loadModules, withApache } from '../apache-server.js'
import { type Answers, askServer, readLogs } from './ask.js'
import { withBackend } from './backend.js'
import { type HttpdCase, type Question, readHttpdCases } from './case.js'
import { checkApache } from './check.js'
import { withHttpdTable } from './differences.js'
import { answersOfHere } from './here.js'
import { type Answer, keyOf, readRecords, settled, writeRecords } from './records.js'
import { type Place, writeSite } from './site.js'

const LOADED =
  `mpm_event authn_core authn_file authn_anon authz_core authz_host authz_user authz_groupfile authz_owner access_compat
auth_basic auth_digest alias dir autoindex mime negotiation env setenvif headers rewrite expires filter deflate proxy proxy_http
proxy_wstunnel remoteip reqtimeout status macro wsgi`.split(/\s+/)

/**
 * Prints each answer of Apache that is not the recorded one, and each of ours that is neither Apache's nor a difference with a reason.
 * @param isWriting Renews the records, and the table in docs/differences.md where all cases are run.
 * @returns whether there was nothing to print
 */
export async function compareHttpd(words: readonly string[], isWriting: boolean): Promise<boolean> {
  const cases = readHttpdCases(words)
  if (cases.length === 0) return true
  const [there, here] = await Promise.all([answersOfApache(cases), answersOfHere(cases)])
  const everyCase = readHttpdCases()
  const records = readRecords(everyCase.map(({ area }) => area))
  let unexpected = 0
  let known = 0
  let count = 0
  for (const one of cases)
    for (const question of one.questions) {
      count++
      const answer = answerOf(
        there.get(one)?.get(question.title) ?? [],
        here.get(one)?.get(question.title) ?? [],
      )
      const fault = faultOf(question, answer, isWriting ? answer : records.get(keyOf(one, question)))
      if (answer.here !== undefined) known++
      if (fault !== undefined) {
        unexpected++
        report(fault, one, question, answer)
      }
      if (isWriting) records.set(keyOf(one, question), answer)
    }
  if (isWriting) {
    const areas = new Set(cases.map(({ area }) => area))
    writeRecords(
      everyCase.filter(({ area }) => areas.has(area)),
      records,
    )
    const page = path.join(PROJECT, 'docs', 'differences.md')
    writeFileSync(page, withHttpdTable(readFileSync(page, 'utf8'), everyCase, records))
  }
  console.log(`${count} questions in ${cases.length} cases; ${known} differences, ${unexpected} unexpected`)
  return unexpected === 0
}

function answerOf(apache: readonly string[], here: readonly string[]): Answer {
  const [theirs, ours] = [settled(apache), settled(here)]
  return theirs.join('\n') === ours.join('\n') ? { apache: theirs } : { apache: theirs, here: ours }
}

function faultOf(question: Question, answer: Answer, record: Answer | undefined): string | undefined {
  const same = (a: readonly string[] | undefined, b: readonly string[] | undefined) =>
    (a ?? []).join('\n') === (b ?? []).join('\n')
  if (answer.here === undefined) {
    if (question.why !== undefined) return 'NO DIFFERENCE ANY MORE'
  } else if (question.why === undefined) return 'NOT EXPLAINED'
  if (!same(answer.apache, record?.apache)) return 'APACHE ANSWERS OTHERWISE THAN RECORDED'
  return same(answer.here, record?.here) ? undefined : 'WE ANSWER OTHERWISE THAN RECORDED'
}

function report(fault: string, one: HttpdCase, question: Question, { apache, here }: Answer): void {
  const only = (lines: readonly string[], others: readonly string[]) =>
    lines.filter((line) => !others.includes(line))
  console.log(`${fault}  ${keyOf(one, question)}`)
  for (const line of here === undefined ? apache : only(apache, here)) console.log(`    apache: ${line}`)
  for (const line of here === undefined ? [] : only(here, apache)) console.log(`    here:   ${line}`)
}

async function answersOfApache(cases: readonly HttpdCase[]): Promise<Answers> {
  const [port = 0, port2 = 0] = await freePorts(2)
  return withBackend((backend, nobody) => {
    const placeOf = (root: string): Place => ({ root, port, port2, backend, nobody })
    const configure = (root: string): string => {
      writeSite(cases, placeOf(root))
      return readFileSync(path.join(root, 'cases.conf'), 'latin1')
    }
    return withApache(loadModules(LOADED), configure, async (stop, root) => {
      const place = placeOf(root)
      const answers = await askServer(cases, place)
      for (const [one, told] of answers)
        for (const { kind, title, text } of one.questions)
          if (kind === 'check')
            told.set(title, await checkApache(APACHE, loadModules(LOADED), one, text, place))
      await stop()
      readLogs(answers, place)
      return answers
    })
  })
}
