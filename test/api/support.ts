/**
 * What the tests of the API share: an application in a temporary directory, mounted in a real server of Node's, and the check that none of its
 * processes is left.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type LogRecord, type MountedApplication, type MountOptions, mount } from '../../src/index.js'
import { type Answer, type Ask, ask, raw } from '../support/http.js'
import { descendants, stillThere } from '../support/processes.js'
import { findPython } from '../support/pythons.js'
import { until } from '../support/wait.js'

/** A new directory with these files. */
export function folder(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-api-test-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(directory, name), text)
  return directory
}

export function python(): string | undefined {
  return findPython('3')?.home
}

export class Service {
  readonly records: LogRecord[] = []
  server!: Server
  app!: MountedApplication

  constructor(readonly directory: string) {}

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  get(place: string, options: Ask = {}): Promise<Answer> {
    return ask(this.port, place, options)
  }

  raw(bytes: string): Promise<string> {
    return raw(this.port, bytes)
  }

  write(name: string, text: string): void {
    writeFileSync(path.join(this.directory, name), text)
  }

  /** The log's messages. */
  log(): string {
    return this.records.map(({ level, message }) => `${level}: ${message}`).join('\n')
  }

  untilLogged(pattern: RegExp): Promise<RegExpExecArray> {
    return until(`${pattern} in the log`, () => pattern.exec(this.log()))
  }
}

export interface ServiceOptions extends Partial<MountOptions> {
  /** Text of `app.wsgi`. */
  readonly script: string
  readonly files?: Readonly<Record<string, string>>
  /** What the server does with requests. By default they all go to the application. */
  readonly listener?: (app: MountedApplication) => RequestListener
}

/** Runs a service with the application in it for as long as `use` takes. */
export async function withService(
  { script, files = {}, listener, ...options }: ServiceOptions,
  use: (service: Service) => Promise<void>,
): Promise<void> {
  const directory = folder({ 'app.wsgi': script, ...files })
  const service = new Service(directory)
  const before = new Set(descendants(process.pid).map(({ pid }) => pid))
  try {
    service.app = await mount({
      application: path.join(directory, 'app.wsgi'),
      workingDirectory: directory,
      python: python(),
      logLevel: 'info',
      log: (record) => void service.records.push(record),
      ...options,
    })
    service.server = createServer(listener?.(service.app) ?? service.app.handler)
    service.server.on('checkContinue', service.server.listeners('request')[0] as RequestListener)
    await listening(service.server)
    await use(service)
  } catch (error) {
    if (error instanceof Error) error.message += `\n--- log ---\n${service.log().slice(-5000)}`
    throw error
  } finally {
    const seen = descendants(process.pid).filter(({ pid }) => !before.has(pid))
    service.server?.close()
    service.server?.closeAllConnections()
    await service.app?.close()
    rmSync(directory, { recursive: true, force: true })
    await until('its processes to be gone', () => stillThere(seen).length === 0)
  }
}

export function listening(server: Server): Promise<void> {
  return new Promise((resolve) => void server.listen(0, '127.0.0.1', resolve))
}
