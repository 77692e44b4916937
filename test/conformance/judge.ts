/**
 * Compares what a server did with what a case expects. Every difference is one line of text, in the words of the case.
 */
import { unescaped } from './request.js'
import { fill, type Run } from './site.js'
import type { Conversation, Reply } from './wire.js'

/** A record of the error log. */
export interface LogRecord {
  readonly level: string
  readonly text: string
}

/** What is different; empty where all is as expected. `records` are those of this request. */
export function judge(run: Run, told: Conversation, records: readonly LogRecord[]): string[] {
  const section = (name: string) => run.case.sections[name]?.map((line) => fill(line, run))
  const [first, second] = told.replies
  const wrong: string[] = []
  const expect = section('expect') ?? ['200']
  const wantsContinue = expect[0] === '100'
  const interim = told.interim.join(' ')
  if (interim !== (wantsContinue ? '100' : '')) wrong.push(interim === '' ? 'no 100' : `interim ${interim}`)
  wrong.push(...judgeReply(first, wantsContinue ? expect.slice(1) : expect))
  const body = section('body')
  if (body !== undefined && first !== undefined) wrong.push(...judgeLines(body, 'body', first.body))
  const next = section('next')
  if (next !== undefined) wrong.push(...judgeReply(second, next).map((line) => `next response: ${line}`))
  if (told.rest !== '') wrong.push(`bytes after the response: ${brief(told.rest)}`)
  const environ = section('environ')
  if (environ !== undefined && first !== undefined) wrong.push(...judgeEnviron(environ, first.body))
  const log = section('log')
  if (log !== undefined) wrong.push(...judgeLog(log, records))
  return wrong
}

/** `200` or `200 Reason`; then headers; then `(cut)`, `(no response)`; after an empty line the whole body. */
function judgeReply(reply: Reply | undefined, expect: readonly string[]): string[] {
  if (expect[0] === '(no response)') return reply === undefined ? [] : [`status ${reply.status}`]
  if (reply === undefined) return ['no response']
  const wrong: string[] = []
  const blank = expect.indexOf('')
  const [line = '', ...fields] = blank < 0 ? expect : expect.slice(0, blank)
  const status = unescaped(line)
  const seen = status.includes(' ') ? `${reply.status} ${reply.reason}` : String(reply.status)
  if (!status.split('|').includes(seen)) return [`status ${seen}`]
  const cut = fields.includes('(cut)')
  if (reply.cut !== cut) wrong.push(cut ? 'the response is not cut' : 'the response is cut')
  for (const field of fields) if (field !== '(cut)') wrong.push(...judgeHeader(reply, field))
  if (blank >= 0) {
    const body = unescaped(expect.slice(blank + 1).join('\n'))
    if (reply.body !== body) wrong.push(`body ${brief(reply.body)}`)
  }
  return wrong
}

/** `Name: value` (several of one name in order, joined by ` | `), `Name: ~ pattern`, `!Name`. */
function judgeHeader(reply: Reply, field: string): string[] {
  const values = (name: string) =>
    reply.headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
  if (field.startsWith('!')) {
    const found = values(field.slice(1))
    return found.length === 0 ? [] : [`${field.slice(1)}: ${found.join(' | ')}`]
  }
  const [, name = '', wanted = ''] = /^([^:]+): ?(.*)$/.exec(field) ?? []
  const found = values(name).join(' | ')
  if (wanted.startsWith('~ ') ? new RegExp(wanted.slice(2)).test(found) : found === unescaped(wanted))
    return []
  return [values(name).length === 0 ? `no ${name}` : `${name}: ${found}`]
}

/** `pattern` must match, `!pattern` must not. */
function judgeLines(patterns: readonly string[], what: string, text: string): string[] {
  return patterns.flatMap((line) => {
    const not = line.startsWith('!')
    const pattern = not ? line.slice(1) : line
    if (new RegExp(pattern, 'm').test(text) !== not) return []
    return [not ? `${what} has ${pattern}` : `${what} lacks ${pattern}: ${brief(text)}`]
  })
}

/** `KEY 'value'` as Python shows it, `KEY ~ pattern`, `!KEY`. */
function judgeEnviron(facts: readonly string[], body: string): string[] {
  const environ = new Map(
    body.split('\n').map((line) => {
      const tab = line.indexOf('\t')
      return [line.slice(0, tab), line.slice(tab + 1)] as const
    }),
  )
  return facts.flatMap((fact) => {
    if (fact === '') return []
    if (fact.startsWith('!'))
      return environ.has(fact.slice(1)) ? [`${fact.slice(1)} ${environ.get(fact.slice(1))}`] : []
    const space = fact.indexOf(' ')
    const key = fact.slice(0, space)
    const wanted = fact.slice(space + 1)
    const value = environ.get(key)
    if (value === undefined) return [`no ${key}`]
    return (wanted.startsWith('~ ') ? new RegExp(wanted.slice(2)).test(value) : value === wanted)
      ? []
      : [`${key} ${brief(value)}`]
  })
}

/** `level pattern`: one record of that level matches; `!pattern`: none does; `(once) level pattern`: exactly one. */
function judgeLog(facts: readonly string[], records: readonly LogRecord[]): string[] {
  return facts.flatMap((fact) => {
    if (fact === '') return []
    if (fact.startsWith('!')) {
      const found = records.find(({ text }) => new RegExp(fact.slice(1)).test(text))
      return found === undefined ? [] : [`log: ${brief(found.text)}`]
    }
    const once = fact.startsWith('(once) ')
    const [, level = '', pattern = ''] = /^(?:\(once\) )?(\w+) (.*)$/.exec(fact) ?? []
    const count = records.filter(
      (record) => record.level === level && new RegExp(pattern).test(record.text),
    ).length
    if (count > 0 && (!once || count === 1)) return []
    const other = records.find(({ text }) => new RegExp(pattern).test(text))
    if (count > 1) return [`log: ${pattern} ${count} times`]
    return [
      other === undefined ? `log: no ${level} ${pattern}` : `log: at ${other.level} ${brief(other.text)}`,
    ]
  })
}

function brief(text: string): string {
  const shown = JSON.stringify(text)
  return shown.length > 400 ? `${shown.slice(0, 390)}… (${text.length} bytes)` : shown
}
