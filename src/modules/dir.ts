/**
 * mod_dir: a trailing slash for directories, index files, and a resource for what maps to nothing. Runs in fixups, after the handler is known.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_dir.html
 */
import { directive, flag, raw, take1 } from '../config/directive.js'
import { settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import { DIRECTORY_TYPE } from './mime.js'
import type { HttpdModule, Outcome } from './module.js'
import { REDIRECT_HANDLER } from './rewrite/fixup.js'
import { selfOrigin } from './self-url.js'
import { escapePath } from './url-text.js'

interface DirSettings {
  /** Index names in order of preference; empty for `DirectoryIndex disabled`. */
  readonly index: readonly string[]
  readonly slash: boolean
  /** A directory with a handler of its own is left to it. */
  readonly checkHandler: boolean
  /** Status with which the client is sent to the index file; undefined: it is served in place. */
  readonly indexRedirect: number | undefined
  /** URL of what is served where nothing is; undefined for `disabled`. */
  readonly fallback: string | undefined
}

export const dirSettings = settingsKey<DirSettings>('dir', {
  index: ['index.html'],
  slash: true,
  checkHandler: false,
  indexRedirect: undefined,
  fallback: undefined,
})

const EVERYWHERE = { contexts: ['server', 'vhost', 'directory', 'htaccess'], override: 'Indexes' } as const
const REDIRECT_STATUS: Readonly<Record<string, number | undefined>> = {
  on: 302,
  temp: 302,
  permanent: 301,
  seeother: 303,
}

const directives = [
  directive({
    name: 'DirectoryIndex',
    syntax: 'disabled | local-url [local-url] ...',
    ...EVERYWHERE,
    default: 'index.html',
    help: 'a list of file names',
    ...raw((cmd, text) => {
      const names = cmd.words(text)
      const draft = cmd.dir.draft(dirSettings)
      const alone = names.length === 1 && names[0]?.toLowerCase() === 'disabled'
      draft.index = alone ? [] : [...(draft.index ?? []), ...names]
    }),
  }),
  directive({
    name: 'DirectorySlash',
    syntax: 'On|Off',
    ...EVERYWHERE,
    default: 'On',
    help: 'On or Off',
    ...flag((cmd, on) => {
      cmd.dir.draft(dirSettings).slash = on
    }),
  }),
  directive({
    name: 'DirectoryCheckHandler',
    syntax: 'On|Off',
    ...EVERYWHERE,
    default: 'Off',
    help: 'On or Off',
    ...flag((cmd, on) => {
      cmd.dir.draft(dirSettings).checkHandler = on
    }),
  }),
  directive({
    name: 'DirectoryIndexRedirect',
    syntax: 'on | off | permanent | temp | seeother | 3xx-code',
    ...EVERYWHERE,
    default: 'off',
    help: 'On, Off, or a 3xx status code.',
    ...take1((cmd, word) => {
      const status = /^\d/.test(word) ? Number.parseInt(word, 10) : REDIRECT_STATUS[word.toLowerCase()]
      if (status === undefined && word.toLowerCase() !== 'off') {
        cmd.fail('DirectoryIndexRedirect ON|OFF|permanent|temp|seeother|3xx')
      }
      if (status !== undefined && (status < 300 || status > 399)) {
        cmd.fail('DirectoryIndexRedirect only accepts values between 300 and 399')
      }
      cmd.dir.draft(dirSettings).indexRedirect = status
    }),
  }),
  directive({
    name: 'FallbackResource',
    syntax: 'disabled | local-url',
    ...EVERYWHERE,
    default: 'disabled',
    help: 'Set a default handler',
    ...take1((cmd, url) => {
      cmd.dir.draft(dirSettings).fallback = url.toLowerCase() === 'disabled' ? undefined : url
    }),
  }),
]

function fixups(request: Request): Outcome | Promise<Outcome> {
  if (request.finfo === undefined) {
    return request.handler === undefined ? serveFallback(request) : undefined
  }
  return request.finfo.isDirectory() ? serveDirectory(request) : undefined
}

function serveDirectory(request: Request): Outcome | Promise<Outcome> {
  request.handler ??= DIRECTORY_TYPE
  if (request.pathInfo !== '') return undefined
  const settings = request.dir.get(dirSettings)
  if (!request.path.endsWith('/')) return settings.slash ? addSlash(request) : undefined
  // rewriting is about to start over with another URL
  if (request.handler === REDIRECT_HANDLER) return undefined
  if (settings.checkHandler && request.handler !== DIRECTORY_TYPE) {
    if (request.contentType === DIRECTORY_TYPE) request.contentType = undefined
    return undefined
  }
  return tryIndex(request, settings, 0, 0)
}

function addSlash(request: Request): Outcome {
  if (request.method !== 'GET' && request.method !== 'HEAD' && request.env.has('redirect-carefully')) {
    return undefined
  }
  const query = request.query === undefined ? '' : `?${request.query}`
  request.headersOut.set('Location', `${selfOrigin(request)}${escapePath(request.path)}/${query}`)
  return 301
}

/**
 * The index names from one on. A candidate that is a file takes the request over; one that answers with a redirection ends it.
 * @param failure the last status but 404 that a candidate ended with; it is the answer if none fits, so that a listing never shows what an
 * index file's own protection hides.
 */
function tryIndex(
  request: Request,
  settings: DirSettings,
  from: number,
  failure: number,
): Outcome | Promise<Outcome> {
  let worst = failure
  for (let at = from; at < settings.index.length; at++) {
    const last = at === settings.index.length - 1
    const found = lookUp(request, settings.index[at] as string)
    if (found instanceof Promise) {
      return found.then((late) => {
        const outcome = judge(request, settings, late, last)
        return outcome ?? tryIndex(request, settings, at + 1, failureOf(late) || worst)
      })
    }
    const outcome = judge(request, settings, found, last)
    if (outcome !== undefined) return outcome
    worst = failureOf(found) || worst
  }
  if (worst !== 0) return worst
  request.notes.set('dir-index-names', settings.index.join(','))
  return undefined
}

const isRedirection = (status: number): boolean => status >= 300 && status < 400
const failureOf = ({ status }: Request): number => (status === 200 || status === 404 ? 0 : status)

function judge(request: Request, settings: DirSettings, found: Request, last: boolean): Outcome {
  if (isServable(found)) {
    if (settings.indexRedirect !== undefined) {
      request.headersOut.set('Location', selfOrigin(request) + escapePath(found.path))
      return settings.indexRedirect
    }
    request.adopt(found)
    return 'ok'
  }
  if (isRedirection(found.status) || (last && (found.status === 401 || found.status === 406))) {
    return passOn(request, found)
  }
  return undefined
}

/** Look-ups map nearly everything to something; only a regular file (or a proxied URL) counts. */
function isServable(found: Request): boolean {
  return found.status === 200 && (found.handler === 'proxy-server' || found.finfo?.isFile() === true)
}

/** The look-up's answer becomes this request's, with its headers. */
function passOn(request: Request, found: Request): number {
  found.headersOut.each((name, value) => {
    request.headersOut.set(name, value)
  })
  found.errHeadersOut.each((name, value) => {
    request.errHeadersOut.set(name, value)
  })
  for (const [name, value] of found.notes) request.notes.set(name, value)
  return found.status
}

function lookUp(request: Request, url: string): Request | Promise<Request> {
  if (request.dispatch === undefined)
    throw new Error('mod_dir: the request has no dispatcher to look up with')
  return request.dispatch.lookUp(request, request.query === undefined ? url : `${url}?${request.query}`)
}

function serveFallback(request: Request): Outcome | Promise<Outcome> {
  const { fallback } = request.dir.get(dirSettings)
  // A look-up of the fallback itself that finds nothing must not look it up again.
  if (fallback === undefined || isLookUpOf(request, fallback)) return undefined
  const settle = (found: Request): Outcome => {
    if (isServable(found)) {
      request.adopt(found)
      return 'ok'
    }
    if (isRedirection(found.status)) return passOn(request, found)
    return failureOf(found) || undefined
  }
  const found = lookUp(request, fallback)
  return found instanceof Promise ? found.then(settle) : settle(found)
}

/** Whether this request, or one that it is a look-up for, is for that URL. */
function isLookUpOf(request: Request, url: string): boolean {
  const path = url.split('?', 1)[0]
  for (let one: Request | undefined = request; one !== undefined; one = one.main) {
    if (one.path === path) return true
  }
  return false
}

export const dir = {
  id: 'dir_module',
  source: 'mod_dir.c',
  directives,
  hooks: { fixups },
} satisfies HttpdModule
