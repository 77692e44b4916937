/**
 * mod_expires: `Expires` and `Cache-Control: max-age` for responses that have no `Expires` and are no errors. Runs just before the header is
 * sent, before mod_headers does.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_expires.html
 */
import { type Command, directive, flag, take1, take2 } from '../config/directive.js'
import { settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import type { HttpdModule } from './module.js'

/** How long from when: the request, or the last change of the file. */
interface Expiry {
  readonly base: 'access' | 'modification'
  readonly seconds: number
}

interface ExpiresDir {
  readonly active: boolean
  /** By media type without parameters, lower case; `text/*` for all of a kind. */
  readonly byType: ReadonlyMap<string, Expiry>
  readonly preset: Expiry | undefined
}

export const expiresDir = settingsKey<ExpiresDir>(
  'expires',
  { active: false, byType: new Map(), preset: undefined },
  (base, added) => ({
    ...base,
    ...added,
    byType: new Map([...(base.byType ?? []), ...(added.byType ?? [])]),
  }),
)

const EVERYWHERE = { contexts: ['server', 'vhost', 'directory', 'htaccess'], override: 'Indexes' } as const

const directives = [
  directive({
    name: 'ExpiresActive',
    syntax: 'On|Off',
    ...EVERYWHERE,
    default: 'Off',
    help: "Limited to 'on' or 'off'",
    ...flag((cmd, on) => {
      cmd.dir.draft(expiresDir).active = on
    }),
  }),
  directive({
    name: 'ExpiresByType',
    syntax: 'MIME-type <code>seconds',
    ...EVERYWHERE,
    help: 'a MIME type followed by an expiry date code',
    ...take2((cmd, type, code) => {
      if (!type.includes('/')) cmd.fail('Invalid mimetype: should contain a slash')
      const draft = cmd.dir.draft(expiresDir)
      draft.byType = new Map(draft.byType).set(type.toLowerCase(), parseExpiry(cmd, code, `${type} ${code}`))
    }),
  }),
  directive({
    name: 'ExpiresDefault',
    syntax: '<code>seconds',
    ...EVERYWHERE,
    help: 'an expiry date code',
    ...take1((cmd, code) => {
      cmd.dir.draft(expiresDir).preset = parseExpiry(cmd, code, code)
    }),
  }),
]

/** Seconds of a unit, by the shortest beginning that httpd takes for it. */
const UNITS: readonly (readonly [beginning: string, seconds: number])[] = [
  ['y', 365 * 86_400],
  ['mo', 30 * 86_400],
  ['w', 7 * 86_400],
  ['d', 86_400],
  ['h', 3600],
  ['mi', 60],
  ['s', 1],
]

/** `A3600`, `M60`, or `access plus 1 hour 5 minutes`. */
function parseExpiry(cmd: Command, code: string, shown: string): Expiry {
  const short = /^([AM])(-?\d+)$/.exec(code)
  if (short) return { base: short[1] === 'A' ? 'access' : 'modification', seconds: Number(short[2]) }
  const bad = (why: string): never => cmd.fail(`'${cmd.name} ${shown}': bad expires code, ${why}`)
  const [base = '', ...rest] = cmd.words(code)
  const words = /^p/i.test(rest[0] ?? '') ? rest.slice(1) : rest
  let seconds = 0
  for (let at = 0; at < words.length; at += 2) {
    const [count = '', unit] = words.slice(at, at + 2)
    if (!/^\d+/.test(count)) bad(`numeric value expected <num> '${count}'`)
    if (unit === undefined) return bad('missing <type>')
    const known = UNITS.find(([beginning]) => unit.toLowerCase().startsWith(beginning))
    if (known === undefined) return bad(`unrecognised <type>'${unit}'`)
    seconds += Number.parseInt(count, 10) * known[1]
  }
  if (/^[na]/i.test(base)) return { base: 'access', seconds }
  if (/^m/i.test(base)) return { base: 'modification', seconds }
  return bad(`unrecognised <base> '${base}'`)
}

function responseHeaders(request: Request): void {
  const settings = request.dir.get(expiresDir)
  if (!settings.active || request.status >= 400 || request.main !== undefined) return
  // an error document of an application is one whatever status it gives itself
  if (request.prev !== undefined && request.prev.status >= 400) return
  const table = request.headersOut
  if (request.errHeadersOut.has('Expires') || table.has('Expires')) return
  const expiry = expiryOf(settings, request.contentType ?? table.get('Content-Type'))
  if (expiry === undefined) return
  // counted from where Date is, not from the request: a client reckons with the difference of the two
  const now = Date.now()
  const modified = request.finfo?.mtimeMs
  const base = expiry.base === 'access' ? now : modified
  if (base === undefined) return
  const expires = Math.max(base + expiry.seconds * 1000, now)
  table.append('Cache-Control', `max-age=${Math.floor((expires - now) / 1000)}`)
  table.set('Expires', new Date(expires).toUTCString())
}

function expiryOf({ byType, preset }: ExpiresDir, contentType: string | undefined): Expiry | undefined {
  if (byType.size === 0 || contentType === undefined) return preset
  const type = (contentType.split(';', 1)[0] as string).trim().toLowerCase()
  return byType.get(type) ?? byType.get(`${type.slice(0, type.indexOf('/'))}/*`) ?? preset
}

export const expires = {
  id: 'expires_module',
  source: 'mod_expires.c',
  directives,
  hooks: { responseHeaders },
} satisfies HttpdModule
