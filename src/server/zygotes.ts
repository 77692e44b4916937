/**
 * The zygotes of a daemon process group: one at a time for the application groups that share processes, and one for each that has its own.
 */
import { LEVELS } from '../log/error-log.js'
import type { Outlet } from './daemon-group.js'
import type { DaemonPlan } from './daemon-plan.js'
import { spawnZygote } from './daemon-spawn.js'
import { Zygote } from './zygote.js'

export class Zygotes {
  readonly #current = new Map<string | null, Zygote>()
  readonly #alive = new Set<Zygote>()

  constructor(
    private readonly plan: DaemonPlan,
    private readonly runtimeDir: string,
    private readonly outlet: () => Outlet,
  ) {}

  /** What the next process is to be forked from; undefined where processes are started one by one. @throws when it cannot be started. */
  current(applicationGroup: string | null): Zygote | undefined {
    if (!this.plan.prefork || !Zygote.isPossible) return undefined
    const known = this.#current.get(applicationGroup)
    if (known?.isAlive) return known
    const { log } = this.outlet()
    const zygote = spawnZygote(
      this.plan,
      `${this.runtimeDir}/zygote.py`,
      applicationGroup,
      () => this.outlet().stderr,
      (word, text) => {
        const level = LEVELS.find((name) => name === word) ?? 'error'
        this.outlet().log.server('wsgi', level, `mod_wsgi (pid=${zygote.pid}): ${text}`)
      },
    )
    log.server(
      'wsgi',
      'info',
      `mod_wsgi (pid=${zygote.pid}): Starting the process that those of '${this.plan.name}' are forked from.`,
    )
    this.#current.set(applicationGroup, zygote)
    this.#alive.add(zygote)
    void zygote.gone.then(() => this.#alive.delete(zygote))
    return zygote
  }

  /** See {@link Zygote.renewStderr}. */
  renewStderr(): void {
    for (const zygote of this.#alive) zygote.renewStderr()
  }

  /** What the zygote of a process has loaded is out of date: the next process comes from another one. */
  renew(applicationGroup: string | null, used: Zygote | undefined): void {
    if (used === undefined || this.#current.get(applicationGroup) !== used) return
    this.#current.delete(applicationGroup)
    used.retire()
  }

  /** All leave. Their children have to be gone. */
  async close(): Promise<void> {
    this.#current.clear()
    const leaving = [...this.#alive]
    for (const zygote of leaving) zygote.retire()
    await Promise.all(leaving.map(({ gone }) => gone))
  }
}
