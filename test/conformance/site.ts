/**
 * One configuration and one folder of scripts for all cases, whichever server reads them: each case in each mode has a mount of its own.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeAuthority, makeCertificate } from '../support/certificates.js'
import type { Case, Mode, Over } from './case.js'

/** The ports of the server's listeners: plain, TLS, and HTTP/2 with prior knowledge. */
export interface Ports {
  readonly plain: number
  readonly tls: number
  readonly h2c: number
}

function portFor(over: Over, ports: Ports): number {
  return over === 'http' ? ports.plain : over === 'h2c' ? ports.h2c : ports.tls
}

/** One case in one mode. */
export interface Run {
  readonly case: Case
  readonly mode: Mode
  /** The URL path of its application, `${M}` in the case. */
  readonly mount: string
  /** The directory that its application lies in, `${D}` in the case. */
  readonly folder: string
  /** The port that it is asked on. */
  readonly port: number
}

export function runsOf(cases: readonly Case[], modes: readonly Mode[], root: string, ports: Ports): Run[] {
  return modes.flatMap((mode) =>
    cases
      .filter((one) => one.modes.includes(mode))
      .map((one) => ({
        case: one,
        mode,
        mount: `/${mode}/${one.id}`,
        folder: path.join(root, 'cases', mode, one.id),
        port: portFor(one.over, ports),
      })),
  )
}

/** Replaces what cases name by `${…}`, and `${x*1000}` by that many characters. */
export function fill(text: string, run: Run): string {
  const values: Record<string, string> = {
    M: run.mount,
    D: run.folder,
    G: run.mode === 'embedded' ? '%{GLOBAL}' : run.mode,
    GROUP: run.mode === 'embedded' ? '' : run.mode,
    PORT: String(run.port),
    HOST: `localhost:${run.port}`,
  }
  return text
    .replace(/\$\{(.)\*(\d+)\}/g, (_, character: string, count: string) => character.repeat(Number(count)))
    .replace(/\$\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}

const prelude = readFileSync(
  fileURLToPath(new URL('../../../test/conformance/prelude.py', import.meta.url)),
  'utf8',
)

/** Cases without a script of their own get this one: the environ, a line for each key. */
const ENVIRON_APPLICATION = `
def application(environ, start_response):
    lines = ['%s\\t%s' % (key, show(environ[key])) for key in sorted(environ)]
    body = '\\n'.join(lines).encode('latin-1')
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]
`

/** Writes the scripts and further files of the runs, readable by everybody. */
export function writeScripts(runs: readonly Run[]): void {
  for (const run of runs) {
    const { sections } = run.case
    mkdirSync(run.folder, { recursive: true })
    // Applications of some cases leave files for others to see.
    chmodSync(run.folder, 0o777)
    const script = sections.script
      ? `${prelude}\n${sections.script.join('\n')}\n`
      : sections.run
        ? `${prelude}\n\ndef application(environ, start_response):\n${sections.run.map((line) => `    ${line}\n`).join('')}`
        : prelude + ENVIRON_APPLICATION
    writeFileSync(path.join(run.folder, 'app.wsgi'), fill(script, run))
    for (const [name, lines] of Object.entries(sections)) {
      if (!name.startsWith('file ')) continue
      const file = path.join(run.folder, name.slice('file '.length))
      mkdirSync(path.dirname(file), { recursive: true })
      const text = fill(lines.join('\n'), run)
      writeFileSync(file, file.endsWith('.py') ? `${prelude}\n${text}\n` : text)
    }
  }
}

/** What stands before the cases' own lines, after the server's own preamble. */
export function commonConfiguration(
  modes: readonly Mode[],
  pythonHome: (mode: Mode) => string | undefined,
): string {
  const groups = modes
    .filter((mode) => mode !== 'embedded')
    .map((mode) => {
      const home = pythonHome(mode)
      return `WSGIDaemonProcess ${mode} threads=8${home === undefined ? '' : ` python-home="${home}"`}`
    })
  return `${groups.join('\n')}
StartServers 1
LogLevel info wsgi:debug
ErrorLogFormat "[%l] %L %M"
LogFormat "%L %{X-Case}i %>s" case
CustomLog case.log case
WSGIApplicationGroup %{GLOBAL}
UseCanonicalName Off
`
}

/** Makes the certificates that {@link secureConfiguration} names, and the client's. */
export function writeCertificates(root: string): void {
  makeAuthority(root)
  makeCertificate(root, 'localhost', { subject: '/C=GB/O=Org/CN=localhost' })
  makeCertificate(root, 'client', {
    subject: '/C=GB/O=Org/CN=client/emailAddress=c@x.example',
    names: 'email:c@x.example,DNS:client.example',
  })
}

/** The listeners for the cases that do not come over plain HTTP/1.1. */
export function secureConfiguration(root: string, { tls, h2c }: Ports): string {
  return `Listen 127.0.0.1:${tls} https
Listen 127.0.0.1:${h2c}
<VirtualHost 127.0.0.1:${tls}>
    SSLEngine on
    SSLCertificateFile "${root}/localhost.crt"
    SSLCertificateKeyFile "${root}/localhost.key"
    SSLCACertificateFile "${root}/ca.crt"
    SSLVerifyClient optional
    Protocols h2 http/1.1
</VirtualHost>
<VirtualHost 127.0.0.1:${h2c}>
    Protocols h2c http/1.1
</VirtualHost>
`
}

/** The lines of all runs. */
export function caseConfiguration(runs: readonly Run[]): string {
  return runs.map((run) => fill(linesOf(run).join('\n'), run)).join('\n')
}

function linesOf({ case: { sections }, mode }: Run): string[] {
  const alias = sections.alias?.join(' ') ?? ''
  // First the case's own lines: of several aliases the first that fits is taken.
  const lines = [...(sections.server ?? [])]
  if (alias !== 'none') {
    const group = mode === 'embedded' || alias.includes('process-group=') ? '' : ` process-group=${mode}`
    lines.push(`WSGIScriptAlias "\${M}" "\${D}/app.wsgi"${group} ${alias}`.trimEnd())
  }
  if (sections.conf) lines.push('<Location "${M}">', ...sections.conf, '</Location>')
  return lines
}
