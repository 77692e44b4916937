/**
 * The processes of a server worker for application groups that its embedded Python cannot hold: one for each, started when it is first needed, and
 * again after it has ended.
 */
import type { PythonBeside } from '../python/beside.js'
import { ChannelRefused } from './channel/channel.js'

/** Whatever requests may name: a worker must not start processes without end. */
const PROCESSES_MAX = 100

export interface EmbeddedProcessesOptions {
  /** Processes for groups whose names came about by requests (`WSGIHttpdApplicationGroupLimit`). */
  readonly namedByRequestsMax: number
  /** Starts one. */
  make(applicationGroup: string): Promise<PythonBeside>
  log(level: 'info' | 'error', message: string): void
}

export class EmbeddedProcesses {
  readonly #processes = new Map<string, Promise<PythonBeside>>()
  readonly #namedByRequests = new Set<string>()
  /** All that have not ended. */
  readonly #alive = new Set<PythonBeside>()

  constructor(private readonly options: EmbeddedProcessesOptions) {}

  /**
   * The process of a group, ready for requests.
   * @throws {ChannelRefused} with status 503 where there are too many; Error where it cannot be started
   */
  async of(applicationGroup: string, isNamedByRequest: boolean): Promise<PythonBeside> {
    const known = this.#processes.get(applicationGroup)
    let process = await known?.catch(() => undefined)
    if (process === undefined || process.isLeaving) {
      // Another request may have started it meanwhile.
      const other = this.#processes.get(applicationGroup)
      process = await (other === known || other === undefined
        ? this.#start(applicationGroup, isNamedByRequest)
        : other)
    }
    await process.ready
    return process
  }

  /** See {@link PythonBeside.showStacks}. */
  showStacks(): void {
    for (const process of this.#alive) process.showStacks()
  }

  /** All end in order. */
  async stop(reason: string): Promise<void> {
    await Promise.all([...this.#alive].map((process) => process.stop(reason)))
  }

  #start(applicationGroup: string, isNamedByRequest: boolean): Promise<PythonBeside> {
    this.#checkLimits(applicationGroup, isNamedByRequest)
    const starting = this.options.make(applicationGroup).then((process) => {
      this.#watch(process, applicationGroup)
      return process
    })
    this.#processes.set(applicationGroup, starting)
    starting.catch(() => this.#processes.delete(applicationGroup))
    return starting
  }

  #checkLimits(applicationGroup: string, isNamedByRequest: boolean): void {
    const { namedByRequestsMax } = this.options
    const named = this.#namedByRequests
    if (isNamedByRequest && !named.has(applicationGroup)) {
      if (named.size >= namedByRequestsMax)
        throw refusal(
          `there are ${namedByRequestsMax} application groups already whose names came from requests, as many as WSGIHttpdApplicationGroupLimit allows`,
        )
      named.add(applicationGroup)
    }
    if (this.#processes.size >= PROCESSES_MAX && !this.#processes.has(applicationGroup))
      throw refusal(
        `this Python has no sub-interpreters, and there are processes for ${PROCESSES_MAX} application groups already`,
      )
  }

  #watch(process: PythonBeside, applicationGroup: string): void {
    const { log } = this.options
    const what = `Python process for application group '${applicationGroup}' in embedded mode`
    this.#alive.add(process)
    log('info', `mod_wsgi (pid=${process.pid}): Starting a ${what}: this Python has no sub-interpreters.`)
    void process.gone.then((cause) => {
      this.#alive.delete(process)
      log(
        process.wasAsked ? 'info' : 'error',
        `mod_wsgi (pid=${process.pid}): The ${what} has ended: ${cause}.`,
      )
    })
  }
}

function refusal(message: string): ChannelRefused {
  const error = new ChannelRefused(message)
  error.status = 503
  return error
}
