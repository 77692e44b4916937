/**
 * One configuration and one tree of files for all cases, the same for both servers but for the lines that load Apache's modules.
 */
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { preamble } from '../preamble.js'
import { unescaped } from '../request.js'
import type { HttpdCase } from './case.js'

/** Where a server and its files are. */
export interface Place {
  readonly root: string
  readonly port: number
  /** A second port that the server listens on. */
  readonly port2: number
  /** The port of the server that proxied requests go to, and one where nobody listens. */
  readonly backend: number
  readonly nobody: number
}

/** All files are as old as this, so that `Last-Modified` and `ETag` are the same in every run. */
const FILE_TIME = Date.UTC(2024, 1, 3, 4, 5, 6) / 1000

/** Answers with what tells requests apart; the place of the files is left out, whose length would show. */
const APPLICATION = `
import os

ROOT = os.path.dirname(os.path.abspath(__file__))

def application(environ, start_response):
    hidden = ('wsgi.', 'mod_wsgi.', 'SERVER_', 'UNIQUE_ID', 'REMOTE_PORT', 'HTTP_X_CASE', 'HTTP_CONNECTION', 'HTTP_HOST', 'GATEWAY', 'PATH_TRANSLATED')
    shown = sorted(key for key in environ if not key.startswith(hidden) and isinstance(environ[key], str))
    lines = ['%s=%s\\n' % (key, environ[key].replace(ROOT, '\${ROOT}')) for key in shown]
    body = ''.join(lines).encode('latin-1')
    status = environ.get('X_STATUS', '200 OK')
    start_response(status, [('Content-Type', environ.get('X_TYPE', 'text/plain')), ('Content-Length', str(len(body)))])
    return [body]
`

const MIME_TYPES = `text/plain txt asc
text/html html htm
text/css css
application/json json
application/javascript js
image/png png
image/gif gif
application/pdf pdf
`

export function folderOf(one: HttpdCase, place: Place): string {
  return path.join(place.root, 'cases', one.id)
}

/** Replaces what cases name by `${…}`, and `${x*1000}` by that many characters. */
export function fill(text: string, one: HttpdCase, place: Place): string {
  const values: Record<string, string> = {
    D: folderOf(one, place),
    HOST: one.id,
    ROOT: place.root,
    PORT: String(place.port),
    PORT2: String(place.port2),
    BACKEND: String(place.backend),
    NOBODY: String(place.nobody),
  }
  return text
    .replace(/\$\{(.)\*(\d+)\}/g, (_, character: string, count: string) => character.repeat(Number(count)))
    .replace(/\$\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}

/** Writes the configuration as `cases.conf`, and all that the cases lay beside it. */
export function writeSite(cases: readonly HttpdCase[], place: Place): void {
  const put = (name: string, text: string) => writeFileSync(path.join(place.root, name), text, 'latin1')
  mkdirSync(path.join(place.root, 'htdocs'), { recursive: true })
  put('htdocs/main.txt', 'main server\n')
  age(path.join(place.root, 'htdocs'))
  put('app.wsgi', APPLICATION)
  put('mime.types', MIME_TYPES)
  for (const one of cases) writeFiles(one, place)
  const hosts = cases.filter(({ sections }) => sections.check === undefined)
  put('cases.conf', [commonLines(place), ...hosts.map((one) => hostOf(one, place))].join('\n'))
}

/** `file NAME`, `link NAME` with its target, `mode NAME` with octal digits; a name that ends in a slash is a directory. */
function writeFiles(one: HttpdCase, place: Place): void {
  const folder = folderOf(one, place)
  mkdirSync(folder, { recursive: true })
  const modes: [string, number][] = []
  for (const [section, lines] of Object.entries(one.sections)) {
    const [, what, name = ''] = /^(file|link|mode) (.*)$/.exec(section) ?? []
    const file = path.join(folder, name)
    if (what === undefined) continue
    mkdirSync(name.endsWith('/') ? file : path.dirname(file), { recursive: true })
    if (what === 'link') symlinkSync(fill(lines[0] ?? '', one, place), file)
    else if (what === 'mode') modes.push([file, Number.parseInt(lines[0] ?? '', 8)])
    else if (!name.endsWith('/'))
      writeFileSync(file, unescaped(fill(`${lines.join('\n')}\n`, one, place)), 'latin1')
  }
  age(folder)
  for (const [file, mode] of modes) chmodSync(file, mode)
}

function age(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) age(file)
    else if (entry.isSymbolicLink()) lutimesSync(file, FILE_TIME, FILE_TIME)
    else utimesSync(file, FILE_TIME, FILE_TIME)
  }
  utimesSync(folder, FILE_TIME, FILE_TIME)
}

function commonLines(place: Place): string {
  const { root, port, port2 } = place
  return `${preamble(root, [port, port2], 'main.test', `${root}/mime.types`)}WSGISocketPrefix "${root}/socket"
LogFormat "%{X-Case}i %s %>s %B \\"%r\\" \\"%U\\" \\"%q\\" %u" case
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
CustomLog "${root}/case.log" case
WSGIDaemonProcess app threads=4
WSGIProcessGroup app
WSGIApplicationGroup %{GLOBAL}
# the first host of the port: whoever asks for an unknown one
<VirtualHost *:${port}>
    ServerName default.test
    DocumentRoot "${root}/htdocs"
</VirtualHost>
`
}

function hostOf(one: HttpdCase, place: Place): string {
  const { main = [], conf = [] } = one.sections
  return fill(
    [
      ...main,
      `<VirtualHost *:${place.port}>`,
      `    ServerName ${one.id}`,
      '    DocumentRoot "${D}"',
      ...conf.map((line) => `    ${line}`),
      '</VirtualHost>\n',
    ].join('\n'),
    one,
    place,
  )
}
