/**
 * Parts of the plan of `start-server` that have several options each: TLS, hook scripts, service processes, logs. Pure but for looking at
 * files through the functions it is handed.
 */
import path from 'node:path'
import type { Given } from './parse.js'
import { fail, type Surroundings } from './surroundings.js'

export interface Tls {
  readonly port: number
  readonly certificate: string
  readonly key: string
  readonly chain: string | undefined
  /** CAs of client certificates. */
  readonly authorities: string | undefined
  /** URL paths where a client certificate is asked for; empty with `authorities`: everywhere. */
  readonly verified: readonly string[]
}

export function planTls(given: Given, around: Surroundings): Tls | undefined {
  const port = given.text('https-port')
  if (port === undefined) return undefined
  const base = given.text('ssl-certificate')
  const file = (option: string): string | undefined => {
    const written = given.text(option)
    return written === undefined ? undefined : existing(around, option, written)
  }
  const ofPair = (end: string, option: string): string =>
    base === undefined ? (file(option) as string) : existing(around, 'ssl-certificate', `${base}${end}`)
  return {
    port: Number(port),
    certificate: ofPair('.crt', 'ssl-certificate-file'),
    key: ofPair('.key', 'ssl-certificate-key-file'),
    chain: file('ssl-certificate-chain-file'),
    authorities: file('ssl-ca-certificate-file'),
    verified: given.list('ssl-verify-client'),
  }
}

export interface HookScripts {
  readonly access: string | undefined
  readonly user: string | undefined
  readonly group: string | undefined
}

export function planHooks(given: Given, around: Surroundings): HookScripts {
  const script = (option: string) => {
    const written = given.text(option)
    return written === undefined ? undefined : existing(around, option, written)
  }
  return {
    access: script('host-access-script'),
    user: script('auth-user-script'),
    group: script('auth-group-script'),
  }
}

export interface Service {
  readonly name: string
  readonly script: string
  readonly user: string | undefined
  readonly group: string | undefined
  /** An error log of its own. */
  readonly log: string | undefined
}

export function planServices(given: Given, around: Surroundings, serverRoot: string): Service[] {
  const users = new Map(given.pairs('service-user'))
  const groups = new Map(given.pairs('service-group'))
  const logs = new Map(given.pairs('service-log-file'))
  const logFolder = path.resolve(around.cwd, given.text('log-directory') ?? serverRoot)
  return given.pairs('service-script').map(([name, script]) => {
    const user = users.get(name)
    const log = logs.get(name)
    return {
      name,
      log: log === undefined ? undefined : path.resolve(logFolder, log),
      script: existing(around, 'service-script', script),
      user,
      group: groups.get(name) ?? (user === undefined ? undefined : around.groupOf(user)),
    }
  })
}

export interface Logs {
  readonly errorLog: string
  readonly accessLog: string | undefined
  readonly startupLog: string | undefined
  /** The program and the size in megabytes at which it begins a new file. */
  readonly rotate: { readonly program: string; readonly megabytes: number } | undefined
}

export function planLogs(given: Given, around: Surroundings, serverRoot: string): Logs {
  const directory = given.text('log-directory')
  const folder = directory === undefined ? serverRoot : path.resolve(around.cwd, directory)
  const file = (option: string, byDefault: string) => path.resolve(folder, given.text(option) ?? byDefault)
  const onTerminal = given.has('log-to-terminal')
  const accessLog = onTerminal ? '/dev/stdout' : file('access-log-name', 'access_log')
  return {
    errorLog: onTerminal ? '/dev/stderr' : file('error-log-name', 'error_log'),
    accessLog: given.has('access-log') ? accessLog : undefined,
    // one in place of the terminal would take the error log with it
    startupLog: given.has('startup-log') && !onTerminal ? file('startup-log-name', 'startup_log') : undefined,
    rotate: given.has('rotate-logs')
      ? { program: rotatelogs(given, around), megabytes: Number(given.text('max-log-size') ?? 5) }
      : undefined,
  }
}

function rotatelogs(given: Given, around: Surroundings): string {
  const written = given.text('rotatelogs-executable')
  if (written !== undefined) {
    const program = existing(around, 'rotatelogs-executable', written)
    return around.isExecutable(program)
      ? program
      : fail(`--rotatelogs-executable: ${program} is not executable`)
  }
  return (
    around.program('rotatelogs') ??
    fail('--rotate-logs: the program rotatelogs is not on PATH; name it with --rotatelogs-executable')
  )
}

/** The absolute path of a file that an option names. @throws UsageError where there is none. */
export function existing(around: Surroundings, option: string, written: string): string {
  const file = path.resolve(around.cwd, written)
  if (around.kindOf(file) !== 'file') fail(`--${option}: there is no file ${file}`)
  return file
}

/** A script for the files of the document root that have that extension. */
export interface FileHandler {
  /** With its dot. */
  readonly extension: string
  readonly script: string
}

export function planHandlers(given: Given, around: Surroundings): FileHandler[] {
  return given.pairs('add-handler').map(([extension, script]) => ({
    extension: extension.startsWith('.') ? extension : `.${extension}`,
    script: existing(around, 'add-handler', script),
  }))
}
