/**
 * Asks a running server everything that the cases ask, and reads its logs once it has gone.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { unescaped } from '../request.js'
import { converse, openPlain, type Step } from '../wire.js'
import type { HttpdCase, Question } from './case.js'
import { fill, folderOf, type Place } from './site.js'
import { constant, ofConversation, ofLog } from './transcript.js'

/** Cases at a time; the questions of one case follow each other, as its logs show. */
const AT_A_TIME = 6

/** The lines that tell what a server answered, by case and title of the question. */
export type Answers = Map<HttpdCase, Map<string, readonly string[]>>

/** Everything but logs and checks of configurations. */
export async function askServer(cases: readonly HttpdCase[], place: Place): Promise<Answers> {
  const answers: Answers = new Map(cases.map((one) => [one, new Map()]))
  const waiting = [...cases]
  const ask = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift())
      for (const question of one.questions)
        if (question.kind === 'request' || question.kind === 'raw')
          answers.get(one)?.set(question.title, await answerTo(question, one, place))
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, ask))
  return answers
}

async function answerTo(question: Question, one: HttpdCase, place: Place): Promise<string[]> {
  const text = fill(question.text, one, place)
  const { bytes, methods } = question.kind === 'raw' ? rawRequest(text) : request(text, question, one)
  const steps: Step[] = [{ send: bytes }]
  // The server of a connection that is kept learns so that nothing more comes.
  if (question.kind === 'raw') steps.push({ leave: 'half' })
  try {
    const port = one.sections.main?.includes('# ask the second port') ? place.port2 : place.port
    return ofConversation(await converse(openPlain(port), steps, methods), one, place)
  } catch (error) {
    return [`(${(error as Error).message})`]
  }
}

/** `[METHOD] TARGET [HTTP/1.0] | Header: value | … | = body`; without a method GET. */
function request(text: string, { title }: Question, one: HttpdCase): { bytes: string; methods: string[] } {
  const [line = '', ...parts] = text.split(' | ').map(unescaped)
  const words = line.split(' ')
  if (!/^[A-Za-z]+$/.test(words[0] ?? '')) words.unshift('GET')
  if (!/^HTTP\//.test(words.at(-1) ?? '')) words.push('HTTP/1.1')
  const body = parts.find((part) => part.startsWith('= '))?.slice(2)
  const fields = parts.filter((part) => !part.startsWith('= '))
  const names = new Set(fields.map((field) => field.slice(0, field.indexOf(':')).toLowerCase()))
  const add = (name: string, value: string) => (names.has(name.toLowerCase()) ? [] : [`${name}: ${value}`])
  const head = [
    words.join(' '),
    ...add('Host', one.id),
    ...add('Connection', 'close'),
    `X-Case: ${caseMark(one, title)}`,
    ...fields,
    ...(body === undefined ? [] : add('Content-Length', String(body.length))),
  ]
  return { bytes: `${head.join('\r\n')}\r\n\r\n${body ?? ''}`, methods: [words[0] as string] }
}

/** The lines of a case end in CR LF; `\r`, `\n`, `\0` and `\xNN` stand for themselves. */
function rawRequest(text: string): { bytes: string; methods: string[] } {
  const bytes = `${text.split('\n').map(unescaped).join('\r\n')}\r\n\r\n`
  const methods = [...text.matchAll(/^(\S+) .*HTTP\/\d\.\d$/gm)].map(([, method]) => method as string)
  return { bytes, methods: methods.length > 0 ? methods : ['GET'] }
}

function caseMark(one: HttpdCase, title: string): string {
  return `${one.id}/${one.questions.findIndex((question) => question.title === title)}`
}

/** Adds what stands in the access log about each request, and the logs that cases ask for. */
export function readLogs(answers: Answers, place: Place): void {
  const told = new Map<string, string[]>()
  for (const line of readFileSync(path.join(place.root, 'case.log'), 'latin1').split('\n')) {
    const [, mark = '', rest = ''] = /^(\S+) (.*)$/.exec(line) ?? []
    const lines = told.get(mark) ?? []
    lines.push(rest)
    told.set(mark, lines)
  }
  for (const [one, lines] of answers) {
    for (const { kind, title, text } of one.questions) {
      if (kind === 'request') {
        const answer = lines.get(title) ?? []
        const isMade = answer.some((line) =>
          /^\((page|listing|gzip)\)|^Content-Type: multipart\/byteranges/.test(line),
        )
        const logged = (told.get(caseMark(one, title)) ?? []).map((line) =>
          // the length of what each server words for itself
          constant(isMade ? line.replace(/^(\d+ \d+) \d+/, '$1 -') : line, one, place),
        )
        lines.set(title, [...answer, ...logged.map((line) => `(log) ${line}`)])
      } else if (kind === 'log') {
        lines.set(title, ofLog(read(path.join(folderOf(one, place), text)), one, place))
      }
    }
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return '(no such file)\n'
  }
}
