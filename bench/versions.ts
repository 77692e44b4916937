/** What was measured: the versions of everything that is installed. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, interpreterOf, PYTHON, program, pythonWith, ROOT } from './installed.js'

/** Commands that are no Python, and what they are asked with. */
const PROGRAMS = [
  ['wrk', '-v'],
  ['/usr/sbin/apache2', '-v'],
  ['uwsgi-core', '--version'],
  ['nginx', '-v'],
] as const
/** Packages of Python, and the command that is measured. */
const PACKAGES = [
  ['gunicorn', 'gunicorn'],
  ['waitress', 'waitress-serve'],
  ['cheroot', 'cheroot'],
  ['granian', 'granian'],
] as const

let known: string | undefined

export function versions(): string {
  known ??= find()
  return known
}

function find(): string {
  const programs = PROGRAMS.flatMap(([command, word]) => {
    const { stdout, stderr, error } = spawnSync(program(command), [word], { encoding: 'utf8' })
    const version = /\d+\.\d+(\.\d+)*/.exec(`${stdout}${stderr}`)?.[0]
    return error !== undefined || version === undefined
      ? []
      : [`${command.split('/').at(-1)} ${version}${wsgiModule(command)}`]
  })
  const asked = PACKAGES.map(([name, command]) => [name, interpreterOf(program(command))] as const)
  const packages = [...asked, ['bjoern', pythonWith('bjoern')] as const].flatMap(([name, python]) => {
    if (python === undefined) return []
    const version = ask(python, `import importlib.metadata as m; print(m.version(${JSON.stringify(name)}))`)
    return version
      ? [`${name} ${version}${python === PYTHON ? '' : ` (Python ${pythonVersion(python)})`}`]
      : []
  })
  const before = [`wsgi-httpd ${own()}`, `Node ${process.version}`, `Python ${pythonVersion(PYTHON)}`]
  return `${[...before, ...programs, ...packages].join(', ')}.`
}

/** Debian's mod_wsgi tells its version to nobody but applications. */
function wsgiModule(command: string): string {
  if (!command.endsWith('apache2')) return ''
  const words = ['-W', '-f', '${Version}', 'libapache2-mod-wsgi-py3']
  const { stdout, status } = spawnSync('dpkg-query', words, { encoding: 'utf8' })
  return status === 0 && stdout ? ` with mod_wsgi ${stdout}` : ''
}

function pythonVersion(python: string): string {
  return ask(python, 'import platform; print(platform.python_version())')
}

/** With the commit, where this is a checkout. */
function own(): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const { stdout, status } = spawnSync('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD'], {
    encoding: 'utf8',
  })
  return status === 0 ? `${version} (${stdout.trim()})` : version
}
