/**
 * The HTTP front on a real socket for tests: a configuration as text, a directory of files, handlers of the test's own, and the log kept as
 * records.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ErrorLog } from '../../src/log/error-log.js'
import { core, http } from '../../src/modules/core.js'
import { coreLanguage } from '../../src/modules/language.js'
import type { HttpdModule } from '../../src/modules/module.js'
import { reqtimeout } from '../../src/modules/reqtimeout.js'
import { createHttpServer, cutConnections } from '../../src/request/http-server.js'
import { phaseTable } from '../../src/request/process.js'
import type { Request } from '../../src/request/request.js'
import type { RequestSlots } from '../../src/request/request-slots.js'
import { siteOf } from '../support/site.js'

export interface FrontOptions {
  readonly files?: Readonly<Record<string, string | Buffer>>
  /** Besides core. */
  readonly modules?: readonly HttpdModule[]
  /** Runs when the files are there, before the configuration is read. */
  readonly prepare?: (root: string) => void
  readonly slots?: RequestSlots
}

export interface Front {
  readonly port: number
  readonly root: string
  readonly server: Server
  /** `module:level code message`. */
  readonly records: string[]
  /** Requests in the order in which they ended: the last of each chain. */
  readonly ended: Request[]
}

/** A module with hooks alone. */
export function hooksOf(hooks: NonNullable<HttpdModule['hooks']>, id = 'test'): HttpdModule {
  return { id: `${id}_module`, source: `mod_${id}.c`, directives: [], hooks }
}

/** @param conf `${ROOT}` and `${PORT}` stand for the files' directory and the server's port. */
export async function withFront(
  conf: string,
  options: FrontOptions,
  use: (front: Front) => Promise<void>,
): Promise<void> {
  const root = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-front-'))
  const records: string[] = []
  const ended: Request[] = []
  let server: Server | undefined
  try {
    for (const [name, data] of Object.entries(options.files ?? {})) {
      const file = path.join(root, name)
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, data)
    }
    options.prepare?.(root)
    const modules: HttpdModule[] = [
      { ...core, directives: [...core.directives, ...coreLanguage] },
      http,
      reqtimeout,
      ...(options.modules ?? []),
      hooksOf({ logTransaction: (request) => void ended.push(request) }, 'ended'),
    ]
    const text = `ServerName localhost\nDocumentRoot "${root}"\n${conf.replaceAll('${ROOT}', root)}`
    const log = recorder(records)
    const site = siteOf(text, modules)
    const made = createHttpServer(
      site,
      phaseTable(modules),
      { errorLogFor: () => log },
      { host: '127.0.0.1', port: 0 },
      undefined,
      options.slots,
    )
    server = made
    await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
    const { port } = made.address() as AddressInfo
    await use({ port, root, server: made, records, ended })
  } finally {
    if (server !== undefined) cutConnections(server)
    if (server?.listening) server.close()
    rmSync(root, { recursive: true, force: true })
  }
}

function recorder(records: string[]): ErrorLog {
  return {
    request: (_request, module, level, message, code = '') =>
      void records.push(`${module}:${level} ${code} ${message}`),
    server: (module, level, message, code = '') => void records.push(`${module}:${level} ${code} ${message}`),
    admits: () => true,
  }
}
