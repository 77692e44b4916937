/**
 * Descriptor 2 of the processes of a server: what C libraries, a dying interpreter or Node itself write there belongs into an error log.
 */
import { closeSync, openSync } from 'node:fs'
import type { ServerConfig, Site } from '../config/site.js'
import { parseDestination } from '../log/destination.js'
import type { OpenedAnew } from '../log/reopen.js'
import { errorLogKey } from '../log/settings.js'
import { openPipeAnew, standardDescriptor } from '../log/standard-stream.js'
import { setCloseOnExec } from '../system/libc.js'
import { dup2 } from './libc.js'

/** A descriptor to hand to a process; `pipe`: there is none (syslog), the supervisor reads what the process writes and logs it. */
export type ErrorStream = number | 'pipe'

/**
 * Makes this process's standard streams wait where they are pipes, without a change for the others that inherited them: programs that an embedded
 * application starts know nothing else to do when a pipe is full.
 */
export function waitForReaders(): void {
  for (const fd of [1, 2]) {
    const own = openPipeAnew(fd, true)
    if (own === undefined) continue
    dup2(own, fd)
    closeSync(own)
  }
}

/** Opens the error logs of a site, each once, for the processes that write to them by descriptor. */
export class ErrorStreams {
  readonly #opened = new Map<string, number>()

  constructor(
    private readonly site: Site,
    /** Writing ends of piped log programs by their command. */
    private readonly pipes: ReadonlyMap<string, number>,
  ) {}

  /** @throws what `openSync` throws */
  of(server: ServerConfig): ErrorStream {
    const { text } = server.settings.get(errorLogKey).errorLog
    const destination = parseDestination(text, 'error', this.site.serverRoot)
    if (destination.kind === 'syslog') return 'pipe'
    if (destination.kind === 'pipe') return this.pipes.get(destination.command) ?? 'pipe'
    const standard = standardDescriptor(destination.path)
    if (standard !== undefined) return standard
    const open = this.#opened.get(destination.path) ?? openSync(Buffer.from(destination.path, 'latin1'), 'a')
    this.#opened.set(destination.path, open)
    return open
  }

  /**
   * The same for the processes of applications. Where it is a pipe that the server was started with, they wait when it is full, as programs that
   * they start know nothing else to do; the server, whose processes set the inherited descriptor not to wait, does not.
   */
  ofDaemons(server: ServerConfig): ErrorStream {
    const inherited = this.of(server)
    if (inherited !== 1 && inherited !== 2) return inherited
    const name = `descriptor ${inherited}`
    const open = this.#opened.get(name) ?? openPipeAnew(inherited, true)
    if (open === undefined) return inherited
    this.#opened.set(name, open)
    return open
  }

  /** Numbers stay: they stand in plans. The descriptors that are given remain the caller's. @returns the numbers that are other files now */
  goOnIn(files: OpenedAnew): ReadonlySet<ErrorStream> {
    const renewed = new Set<ErrorStream>()
    for (const [name, fd] of this.#opened) {
      const anew = files.get(name)
      if (anew === undefined) continue
      dup2(anew, fd)
      setCloseOnExec(fd, true)
      renewed.add(fd)
    }
    return renewed
  }

  close(): void {
    for (const fd of this.#opened.values()) closeSync(fd)
    this.#opened.clear()
  }
}
