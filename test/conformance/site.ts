/**
 * One configuration and one folder of scripts for all cases, whichever server reads them: each case in each mode has a mount of its own.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Case, Mode } from './case.js'

/** One case in one mode. */
export interface Run {
  readonly case: Case
  readonly mode: Mode
  /** The URL path of its application, `${M}` in the case. */
  readonly mount: string
  /** The directory that its application lies in, `${D}` in the case. */
  readonly folder: string
}

export function runsOf(cases: readonly Case[], modes: readonly Mode[], root: string): Run[] {
  return modes.flatMap((mode) =>
    cases
      .filter((one) => one.modes.includes(mode))
      .map((one) => ({
        case: one,
        mode,
        mount: `/${mode}/${one.id}`,
        folder: path.join(root, 'cases', mode, one.id),
      })),
  )
}

/** Replaces what cases name by `${…}`, and `${x*1000}` by that many characters. */
export function fill(text: string, run: Run, port: number): string {
  const values: Record<string, string> = {
    M: run.mount,
    D: run.folder,
    G: run.mode === 'embedded' ? '%{GLOBAL}' : run.mode,
    GROUP: run.mode === 'embedded' ? '' : run.mode,
    PORT: String(port),
    HOST: `localhost:${port}`,
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
export function writeScripts(runs: readonly Run[], port: number): void {
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
    writeFileSync(path.join(run.folder, 'app.wsgi'), fill(script, run, port))
    for (const [name, lines] of Object.entries(sections)) {
      if (!name.startsWith('file ')) continue
      const file = path.join(run.folder, name.slice('file '.length))
      mkdirSync(path.dirname(file), { recursive: true })
      const text = fill(lines.join('\n'), run, port)
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
LogLevel info wsgi:debug
ErrorLogFormat "[%l] %L %M"
LogFormat "%L %{X-Case}i %>s" case
CustomLog case.log case
WSGIApplicationGroup %{GLOBAL}
UseCanonicalName Off
`
}

/** The lines of all runs. */
export function caseConfiguration(runs: readonly Run[], port: number): string {
  return runs.map((run) => fill(linesOf(run).join('\n'), run, port)).join('\n')
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
