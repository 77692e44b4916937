/**
 * What `explain` is asked, from words to data. Pure.
 */
import { isIP } from 'node:net'
import { UsageError } from '../usage-error.js'

export interface Question {
  readonly scheme: 'http' | 'https'
  /** As `Host` has it. */
  readonly host: string
  /** undefined: a path was all that was asked for. */
  readonly port: number | undefined
  /** Path and query, as a client sends them. */
  readonly target: string
  readonly method: string
  /** Names and values in turn, without `Host`. */
  readonly headers: readonly string[]
  /** The client's address. */
  readonly from: string
  /** The address that the client has connected to. */
  readonly to: string
}

/** A question to one server. */
export type AskedQuestion = Question & { readonly port: number }

const DEFAULT_PORTS = { http: 80, https: 443 } as const

/** Options with one word each; `--header` may come more than once. */
const OPTIONS: Readonly<Record<string, string>> = {
  '--method': 'METHOD',
  '--header': "'NAME: VALUE'",
  '--from': 'ADDRESS',
  '--to': 'ADDRESS',
}

export const EXPLAIN_USAGE = `Usage: wsgi-httpd explain URL|PATH [options] [flags]

Says which virtual host, file, sections, access rules, handler and process group a request would meet,
and why. Nothing is sent, no server needs to run, and no application nor script is run.

Options:
  --method METHOD         default: GET
  --header 'NAME: VALUE'  a header field that the client sends; may be given several times
  --from ADDRESS          the client's address (default: 127.0.0.1)
  --to ADDRESS            the address that it has connected to (default: the URL's, else 127.0.0.1)

Flags are those that name the configuration: -f, -d, -D, -C, -c.
`

/**
 * @returns the question, and the words that are none of it: flags
 * @throws UsageError
 */
export function readQuestion(words: readonly string[]): {
  readonly question: Question
  readonly flags: string[]
} {
  const given: Record<string, string[]> = {}
  const flags: string[] = []
  const urls: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string
    const [name, inline] = splitOption(word)
    if (Object.hasOwn(OPTIONS, name)) {
      const value = inline ?? words[++at]
      if (value === undefined) throw usage(`${name} takes ${OPTIONS[name]}`)
      given[name] = [...(given[name] ?? []), value]
    } else if (/^-[fdDCc]$/.test(word)) flags.push(word, words[++at] ?? '')
    else if (word.startsWith('-')) flags.push(word)
    else urls.push(word)
  }
  const [url, second] = urls
  if (url === undefined) throw usage('explain takes a URL, such as http://localhost/, or a path')
  if (second !== undefined) throw usage(`explain takes one URL, and '${second}' is another`)
  const place = readUrl(url)
  const last = (name: string): string | undefined => given[name]?.at(-1)
  const name = nameOf(place.host)
  const to = last('--to') ?? (isIP(name) === 0 ? '127.0.0.1' : name)
  return {
    question: {
      ...place,
      method: last('--method') ?? 'GET',
      headers: (given['--header'] ?? []).flatMap(readHeader),
      from: last('--from') ?? '127.0.0.1',
      to,
    },
    flags,
  }
}

function splitOption(word: string): [name: string, value?: string] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)]
}

/** Not by `URL`, which makes paths plain: what the server does with `/a/../b` is to be seen. */
function readUrl(text: string): Pick<Question, 'scheme' | 'host' | 'port' | 'target'> {
  if (text.startsWith('/')) return { scheme: 'http', host: 'localhost', port: undefined, target: text }
  const found = /^(?:(https?):\/\/)?([^/?#]*)([^#]*)/i.exec(text)
  const [, scheme = 'http', host = '', rest = ''] = found ?? []
  const isTls = scheme.toLowerCase() === 'https'
  const port = /:(\d+)$/.exec(host)?.[1]
  const authority = host === '' ? 'localhost' : host
  if (/[\s@\\]/.test(authority) || /[\0-\x20]/.test(rest)) throw usage(`'${text}' is no URL of this server`)
  return {
    scheme: isTls ? 'https' : 'http',
    host: authority,
    port: port === undefined ? DEFAULT_PORTS[isTls ? 'https' : 'http'] : Number(port),
    target: rest.startsWith('/') ? rest : `/${rest}`,
  }
}

function nameOf(authority: string): string {
  return authority.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
}

function readHeader(text: string): [name: string, value: string] {
  const found = /^([^\s:]+):\s*(.*?)\s*$/.exec(text)
  if (found === null) throw usage(`--header takes 'NAME: VALUE', not '${text}'`)
  return [found[1] as string, found[2] as string]
}

function usage(message: string): UsageError {
  return new UsageError(message, 'explain')
}
