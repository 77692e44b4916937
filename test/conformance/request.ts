/**
 * A case's `send` section as what the client does in turn.
 */
import { createHash } from 'node:crypto'
import { fill, type Run } from './site.js'
import type { Step } from './wire.js'

/** What is sent, and the methods of the requests, which the reader of the answers has to know. */
export interface Plan {
  readonly steps: readonly Step[]
  readonly methods: readonly string[]
}

/**
 * The first line may leave out `HTTP/1.1`; `Host`, `Connection` and the name of the run are added where they are missing. In what follows the empty
 * line, `@…` lines are steps: `@until TEXT`, `@other REQUEST-LINE`, `@half`, `@reset`, `@chunk TEXT`, `@end` (of a chunked body), `@request LINE`
 * (the next request on the connection, without body), `@digest USER PASSWORD LINE` (the same, with the answer to the challenge that has come). The other lines are sent joined by line feeds, `\r`, `\n`, `\0`, `\xNN` replaced.
 */
export function planOf(run: Run): Plan {
  const lines = (run.case.sections.send ?? ['GET ${M}']).map((line) => fill(line, run))
  const blank = lines.indexOf('')
  const head = blank < 0 ? lines : lines.slice(0, blank)
  const body = blank < 0 ? [] : lines.slice(blank + 1)
  const methods = [(head[0] ?? '').split(' ')[0] as string]
  const again = body.some((line) => /^@(request|digest) /.test(line))
  const steps: Step[] = [{ send: requestHead(head, run, again) }]
  let text: string[] = []
  const flush = (): void => {
    if (text.length > 0) steps.push({ send: unescaped(text.join('\n')) })
    text = []
  }
  for (const line of body) {
    const [, word, rest = ''] = /^@(\w+) ?(.*)$/.exec(line) ?? []
    if (word === undefined) {
      text.push(line)
      continue
    }
    flush()
    if (word === 'chunk') {
      const data = unescaped(rest)
      steps.push({ send: `${data.length.toString(16)}\r\n${data}\r\n` })
    } else if (word === 'end') steps.push({ send: '0\r\n\r\n' })
    else if (word === 'until') steps.push({ until: unescaped(rest) })
    else if (word === 'other') steps.push({ other: requestHead([rest], run, false) })
    else if (word === 'half' || word === 'reset') steps.push({ leave: word })
    else if (word === 'request') {
      methods.push(rest.split(' ')[0] as string)
      steps.push({ send: requestHead([rest], run, false) })
    } else if (word === 'digest') {
      const [, user = '', password = '', request = ''] = /^(\S+) (\S+) (.*)$/.exec(rest) ?? []
      methods.push(request.split(' ')[0] as string)
      steps.push({
        answer: (received) =>
          requestHead([request, digestAnswer(received, user, password, request)], run, false),
      })
    } else throw new Error(`${run.case.name}: no step '@${word}'`)
  }
  flush()
  return { steps, methods }
}

function requestHead(lines: readonly string[], run: Run, keepAlive: boolean): string {
  const [first = '', ...fields] = lines.map(unescaped)
  const names = new Set(fields.map((field) => field.slice(0, field.indexOf(':')).toLowerCase()))
  const add = (name: string, value: string) => (names.has(name.toLowerCase()) ? [] : [`${name}: ${value}`])
  const all = [
    / HTTP\/\d\.\d$/.test(first) ? first : `${first} HTTP/1.1`,
    ...add('Host', `localhost:${run.port}`),
    ...(keepAlive ? [] : add('Connection', 'close')),
    ...add('X-Case', `${run.mode}/${run.case.id}`),
    ...fields,
  ]
  return `${all.join('\r\n')}\r\n\r\n`
}

/** The header that answers the challenge in `received` (RFC 7616, with MD5 and `qop=auth`). */
function digestAnswer(received: string, user: string, password: string, request: string): string {
  const [method = '', uri = ''] = request.split(' ')
  const find = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(received)?.[1] ?? ''
  const [realm, nonce] = [find('realm'), find('nonce')]
  const md5 = (text: string) => createHash('md5').update(text).digest('hex')
  const secret = md5(`${user}:${realm}:${password}`)
  const response = md5(`${secret}:${nonce}:00000001:cnonce:auth:${md5(`${method}:${uri}`)}`)
  return `Authorization: Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", algorithm=MD5, qop=auth, nc=00000001, cnonce="cnonce", response="${response}"`
}

export function unescaped(text: string): string {
  return text.replace(/\\(x[0-9a-f]{2}|[rn0t\\])/g, (_, code: string) => {
    if (code[0] === 'x') return String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return { r: '\r', n: '\n', 0: '\0', t: '\t', '\\': '\\' }[code] as string
  })
}
