/**
 * One daemon process group as a server worker sees it: its processes, the channels to them, and the requests that wait for one.
 *
 * The worker chooses the process (the least busy one that takes new requests), so that a request which no application code has seen can be
 * given to another process when its own retires or dies, and a process is only asked for what it can begin soon. What exceeds that waits
 * here, in order, for at most `connect-timeout`. As long as the processes start, that does not run.
 *
 * What a process has from other workers counts too (loads.ts). A quick application is given more than it has threads, since batches are what makes
 * fast requests cheap; a slow one is not where that could matter: the next thread to be free may be another process's.
 */

import type { DaemonInfo } from '../server/messages.js'
import type { GroupUse } from '../status/board.js'
import { newGroupCounts } from '../status/counts.js'
import { type Channel, ChannelRefused } from './channel/channel.js'
import type { RejectReason } from './channel/types.js'
import { type DaemonGroup, startLimitOf } from './groups.js'
import type { Loads } from './loads.js'

/** A request that a process group is asked to run. */
export interface Job {
  readonly applicationGroup: string
  /** That name came about by the request: how many of them there may be is limited. */
  readonly isNamedByRequest?: boolean
  /** Hands the request to a channel. Called once per attempt. */
  begin(channel: Channel, member: Member): void
  /** The group cannot run it; `message` is for the error log. */
  refuse(status: 500 | 503 | 504, message: string): void
  /** When the job was first queued and when `connect-timeout` is over, on the clock of `Date.now`. */
  queuedAt?: number
  deadline?: number
  /** When the request was received, in seconds since 1970; for `queue-timeout`. */
  readonly startTime?: number
}

/** What a process group needs from the rest of the worker. */
export interface Surroundings {
  connect(info: DaemonInfo, applicationGroup: string, isNamedByRequest: boolean): Promise<Channel>
  /** Application groups that requests may bring about in each process. */
  readonly applicationGroupLimit: number
  /** How busy the processes are, and this group's number there. */
  readonly loads: Loads
  readonly number: number
  /** Asks the supervisor for a process of a Python that has no sub-interpreters. */
  requestProcess(group: string, applicationGroup: string): void
  /** Tells the supervisor that a process refuses requests. */
  processRetired(id: number): void
  log(level: 'error' | 'warn' | 'info', message: string): void
}

/** A process of the group, from its first announcement to its end. */
export class Member {
  readonly channels = new Map<string, Channel>()
  readonly connecting = new Set<string>()
  /** Requests begun and not yet answered. */
  inFlight = 0
  /** It has refused a request, or the supervisor is retiring it: nothing new. */
  retired = false
  /** When a channel to it ended, on the clock of `performance.now`; 0: none has. */
  #lostAt = 0
  /** Connections to it that have failed in a row, and when the next is made, on the clock of `performance.now`. */
  #refusals = 0
  #connectsFrom = 0

  constructor(public info: DaemonInfo) {}

  /** It has come up, and does not leave yet. */
  get isUp(): boolean {
    return !this.retired && this.info.state === 'ready'
  }

  get takesRequests(): boolean {
    return this.isUp && (this.#lostAt === 0 || this.#hasLived())
  }

  /** As a rule the process has died, which the supervisor is about to say. */
  lost(): void {
    this.#lostAt = performance.now()
  }

  /** Nobody has said so: the connection alone was lost. */
  #hasLived(): boolean {
    if (performance.now() - this.#lostAt < DEATH_KNOWN_MS) return false
    this.#lostAt = 0
    return true
  }

  get mayBeConnected(): boolean {
    return performance.now() >= this.#connectsFrom
  }

  /** Each failure in a row puts the next connection off for longer: requests that wait are tried often, and each failure is a line in the log. */
  connected(succeeded: boolean): void {
    this.#connectsFrom = succeeded
      ? 0
      : performance.now() + Math.min(RECONNECT_MS * 2 ** this.#refusals, RECONNECT_MAX_MS)
    this.#refusals = succeeded ? 0 : this.#refusals + 1
  }

  runs(applicationGroup: string): boolean {
    return this.info.applicationGroup === null || this.info.applicationGroup === applicationGroup
  }
}

/** A channel has numbers for so many requests, less than the 4096 that its progress region holds. */
const WINDOW_MAX = 4000
/** By then the supervisor has taken a process that has died off the list. */
const DEATH_KNOWN_MS = 1000
/** How soon a connection that has failed is made once more, the first time and at most. */
const RECONNECT_MS = 100
const RECONNECT_MAX_MS = 2000
/** What a connection says when the process at its other end is gone. */
const ENDS_OF_PROCESSES = new Set(['ECONNRESET', 'EPIPE'])
/** Requests that come together go to one process, in one write, where the last of them waits at most so much longer than in the least busy one. */
const TOGETHER_MAX_MICROSECONDS = 1000
/** How often requests that wait are looked at for their deadline. */
const SWEEP_MS = 100
/** How often they are tried while other workers may have what they wait for: nobody tells when it is free. */
const LOOK_MS = 5
/** A worker that does not take what it waits for, as it hangs or connects, keeps it from others for no longer than so many looks. */
const YIELDS_MAX = 4
/** An application is slow whose requests take longer in the mean. What a batch saves is nothing beside that. */
const SLOW_MICROSECONDS = 5000

export class ProcessGroup {
  readonly counts = newGroupCounts()
  readonly #members = new Map<number, Member>()
  readonly #waiting: Job[] = []
  #sweep: NodeJS.Timeout | undefined
  #look: NodeJS.Timeout | undefined
  /** How often in a row it has looked, and left what there might have been to another worker. */
  #yielded = 0
  #failure: string | undefined
  #subinterpreters = true
  /** The process that this turn of the event loop has given a request to last. */
  #latest: Member | undefined
  readonly #namedByRequests = new Set<string>()
  /** Scripts are looked at before they are run (`chroot`, `script-user`, `script-group`). */
  readonly guarded: boolean

  constructor(
    readonly group: DaemonGroup,
    private readonly surroundings: Surroundings,
  ) {
    this.guarded = [group.scriptUser, group.scriptGroup, group.chroot].some((option) => option !== undefined)
  }

  /** Requests waiting here for a process. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** What there is to do, and what was done. */
  use(now: number): GroupUse {
    const first = this.#waiting[0]?.queuedAt ?? now
    return {
      group: this.group.name,
      counts: this.counts,
      waiting: this.#waiting.length,
      waitsMs: Math.max(now - first, 0),
      running: [...this.#members.values()].map(({ info, inFlight }) => [info.id, inFlight] as const),
    }
  }

  /** Takes over the supervisor's list of this group's processes, and why its last start failed if it did. */
  update(processes: readonly DaemonInfo[], failure: string | undefined): void {
    this.#failure = failure
    const present = new Set<number>()
    for (const info of processes) {
      present.add(info.id)
      const member = this.#members.get(info.id)
      if (member) member.info = info
      else this.#members.set(info.id, new Member(info))
      this.#subinterpreters = info.subinterpreters
    }
    for (const [id, member] of this.#members) {
      if (present.has(id)) continue
      this.#members.delete(id)
      // Channels of a process that has gone end by themselves; those to one that was only taken off the list are let go.
      if (member.inFlight === 0) for (const channel of member.channels.values()) channel.close()
    }
    this.pump()
  }

  /** Runs a job now if a process is free for it, else lets it wait. */
  run(job: Job): void {
    if (this.#waiting.length === 0 && this.#tryBegin(job)) return
    this.#enqueue(job, false)
    if (this.#waiting.length > 1) this.pump()
  }

  /**
   * Takes back a job that no application code has seen, or undefined where nobody waits for it any more. It goes before those that came later.
   */
  returned(job: Job | undefined, member: Member, reason: RejectReason): void {
    this.#count(member, -1)
    if (reason === 'died') member.lost()
    else if (!member.retired && reason !== 'closed') {
      member.retired = true
      this.surroundings.processRetired(member.info.id)
    }
    if (job !== undefined) this.#enqueue(job, true)
    this.pump()
  }

  /** A job that waits here is wanted no more. */
  withdraw(job: Job): void {
    const at = this.#waiting.indexOf(job)
    if (at >= 0) this.#takeOut(at)
  }

  /** A job has its final answer: its process has room again. */
  finished(member: Member): void {
    this.#count(member, -1)
    // The room is left to a worker whose request came before: it looks every few milliseconds.
    if (this.#waiting.length > 0 && !this.#isLate()) this.pump()
    if (member.inFlight === 0 && !this.#members.has(member.info.id)) {
      for (const channel of member.channels.values()) channel.close()
    }
  }

  /** Begins what can be begun of the waiting jobs. */
  pump(): void {
    for (let at = 0; at < this.#waiting.length; ) {
      const job = this.#waiting[at] as Job
      if (this.#tryBegin(job)) {
        this.counts.queued++
        this.counts.queuedMs += Math.max(Date.now() - (job.queuedAt as number), 0)
        this.#takeOut(at)
      } else at++
      if (at > 0 && !this.#hasRoom()) break
    }
    this.#refuseHopeless()
  }

  close(): void {
    clearInterval(this.#sweep)
    clearInterval(this.#look)
    for (const member of this.#members.values())
      for (const channel of member.channels.values()) channel.close()
  }

  /**
   * Most requests a process is given at a time: those it runs, and as many more as mod_wsgi lets wait in the listen queue (batches are what
   * makes fast requests cheap).
   */
  #window(): number {
    const { threads, listenBacklog, maximumRequests } = this.group
    const window = Math.min(threads + listenBacklog, WINDOW_MAX)
    return maximumRequests > 0 ? Math.min(window, Math.max(threads, maximumRequests)) : window
  }

  #hasRoom(): boolean {
    const most = this.#holdsBack() ? this.group.threads : this.#window()
    for (const member of this.#members.values())
      if (member.takesRequests && this.#load(member) < most) return true
    return false
  }

  /** Requests of all workers that a process has. */
  #load(member: Member): number {
    return this.surroundings.loads.total(member.info.id, member.inFlight)
  }

  #count(member: Member, by: 1 | -1): void {
    member.inFlight += by
    this.surroundings.loads.set(member.info.id, member.inFlight)
  }

  /** Whether it matters where a request waits: another process may be free first, or `queue-timeout` is to end the waiting. */
  #holdsBack(): boolean {
    return this.#members.size > 1 || this.group.queueTimeout > 0
  }

  /** Most requests that a process is given through a channel. 0 µs: nothing is known of the application yet. */
  #mostOf({ averageMicroseconds }: Channel): number {
    const isQuick = averageMicroseconds > 0 && averageMicroseconds < SLOW_MICROSECONDS
    return isQuick || !this.#holdsBack() ? this.#window() : this.group.threads
  }

  /** A request waits in another worker for longer than the first one here. */
  #isLate(): boolean {
    const { loads, number } = this.surroundings
    return loads.shared && loads.isLate(number, this.#waiting[0]?.queuedAt ?? 0)
  }

  #tryBegin(job: Job): boolean {
    let best: Member | undefined
    let least = Number.POSITIVE_INFINITY
    let suitable = false
    for (const member of this.#members.values()) {
      if (!member.takesRequests || !member.runs(job.applicationGroup)) continue
      suitable = true
      const channel = member.channels.get(job.applicationGroup)
      if (channel === undefined || channel.closed) {
        this.#open(member, job.applicationGroup, job.isNamedByRequest === true)
        continue
      }
      const load = this.#load(member)
      if (load >= least || load >= this.#mostOf(channel)) continue
      best = member
      least = load
    }
    if (best === undefined) {
      if (!suitable && !this.#subinterpreters) this.#requestProcess(job)
      return false
    }
    const chosen = this.#together(job.applicationGroup, best, least)
    this.#count(chosen, 1)
    job.begin(chosen.channels.get(job.applicationGroup) as Channel, chosen)
    return true
  }

  /**
   * What is sent together costs one write, one wake-up and as a rule one answer; dealt out over all processes, each request costs nearly its own.
   * So the requests of one turn go where the first of them went, as long as the application is quick enough for them to wait for each other, and none
   * waits for a thread that another process has to spare.
   */
  #together(applicationGroup: string, best: Member, least: number): Member {
    if (this.#members.size === 1) return best
    const latest = this.#latest
    if (latest === undefined) setImmediate(this.#forgetLatest)
    else if (latest !== best && latest.takesRequests) {
      const { threads } = this.group
      const load = this.#load(latest)
      const most = least < threads ? threads : this.#window()
      const channel = latest.channels.get(applicationGroup)
      // 0: nothing is known of the application yet
      const average = channel === undefined || channel.closed ? 0 : channel.averageMicroseconds
      if (load < most && average > 0 && (load - least) * average < TOGETHER_MAX_MICROSECONDS) return latest
    }
    this.#latest = best
    return best
  }

  readonly #forgetLatest = (): void => {
    this.#latest = undefined
  }

  /** Asks for processes of an application group's own; there is a bound on those whose names clients choose. */
  #requestProcess({ applicationGroup, isNamedByRequest }: Job): void {
    if (isNamedByRequest && !this.#namedByRequests.has(applicationGroup)) {
      const limit = this.surroundings.applicationGroupLimit
      if (this.#namedByRequests.size >= limit) {
        const why = `there are ${limit} application groups already whose names came from requests, as many as WSGIHttpdApplicationGroupLimit allows`
        // later: the job may not be in the queue yet
        setImmediate(() => this.#refuseGroup(applicationGroup, 503, why))
        return
      }
      this.#namedByRequests.add(applicationGroup)
    }
    this.surroundings.requestProcess(this.group.name, applicationGroup)
  }

  #open(member: Member, applicationGroup: string, isNamedByRequest: boolean): void {
    if (member.connecting.has(applicationGroup) || !member.mayBeConnected) return
    member.connecting.add(applicationGroup)
    this.surroundings.connect(member.info, applicationGroup, isNamedByRequest).then(
      (channel) => {
        member.connecting.delete(applicationGroup)
        member.connected(true)
        member.channels.set(applicationGroup, channel)
        channel.onClose(({ error }) => {
          if (member.channels.get(applicationGroup) === channel) member.channels.delete(applicationGroup)
          member.lost()
          if (error !== undefined) this.#tellLoss(member, error)
        })
        this.pump()
      },
      (error: unknown) => {
        member.connecting.delete(applicationGroup)
        if (!this.#members.has(member.info.id)) return
        const message = error instanceof Error ? error.message : String(error)
        if (error instanceof ChannelRefused && error.status !== undefined) {
          this.#refuseGroup(applicationGroup, error.status, message)
          return
        }
        member.connected(false)
        this.surroundings.log(
          'error',
          `WSGI0117: Unable to connect to WSGI daemon process '${this.group.name}' (pid ${member.info.pid}) on '${member.info.socketPath}': ${message}`,
        )
        // Tried again as long as requests wait for it.
      },
    )
  }

  /** What ended a channel, unless it was the end of the process. */
  #tellLoss({ info }: Member, error: Error): void {
    if (ENDS_OF_PROCESSES.has((error as NodeJS.ErrnoException).code ?? '')) return
    this.surroundings.log(
      'error',
      `The connection to WSGI daemon process '${this.group.name}' (pid ${info.pid}) is given up: ${error.message}`,
    )
  }

  /** The process cannot make that interpreter, and another try would not either. */
  #refuseGroup(applicationGroup: string, status: 500 | 503, why: string): void {
    const refused = this.#waiting.filter((job) => job.applicationGroup === applicationGroup)
    for (const job of refused) {
      this.withdraw(job)
      this.#refuse(job, status, `WSGI0035: Cannot acquire interpreter '${applicationGroup}': ${why}`)
    }
  }

  #enqueue(job: Job, first: boolean): void {
    job.queuedAt ??= Date.now()
    job.deadline ??= job.queuedAt + this.group.connectTimeout * 1000
    if (first) this.#waiting.unshift(job)
    else this.#waiting.push(job)
    this.#tellWaiting()
    this.#sweep ??= setInterval(() => this.#sweepWaiting(), SWEEP_MS)
    if (this.surroundings.loads.shared) this.#look ??= setInterval(() => this.#lookForRoom(), LOOK_MS)
    this.#refuseHopeless()
  }

  #takeOut(at: number): void {
    this.#waiting.splice(at, 1)
    this.#tellWaiting()
  }

  #tellWaiting(): void {
    const { loads, number } = this.surroundings
    loads.setWaiting(number, this.#waiting[0]?.queuedAt ?? 0)
  }

  #lookForRoom(): void {
    if (this.#waiting.length === 0) {
      clearInterval(this.#look)
      this.#look = undefined
    } else if (!this.#isLate() || ++this.#yielded === YIELDS_MAX) {
      this.#yielded = 0
      this.pump()
    }
  }

  #sweepWaiting(): void {
    const now = Date.now()
    const { name, connectTimeout } = this.group
    const limit = startLimitOf(this.group)
    const isUp = this.#isUp()
    for (let at = 0; at < this.#waiting.length; ) {
      const job = this.#waiting[at] as Job
      // Nor does mod_wsgi count it: there, requests wait in a socket that is older than the process.
      if (!isUp) job.deadline = now + connectTimeout * 1000
      const end = isUp ? (job.deadline as number) : (job.queuedAt as number) + limit * 1000
      const queueEnd = this.#queueEnd(job)
      if (now < Math.min(end, queueEnd)) {
        at++
        continue
      }
      this.#takeOut(at)
      if (now >= queueEnd) {
        this.#refuse(job, 504, `WSGI0080: Queue timeout expired for WSGI daemon process '${name}'`)
        continue
      }
      const what = isUp
        ? `became free within connect-timeout (${connectTimeout} s)`
        : `came up within ${limit} s`
      this.#refuse(job, 503, `WSGI0116: No process of WSGI daemon process group '${name}' ${what}`)
    }
    if (this.#waiting.length > 0) this.pump()
    if (this.#waiting.length === 0 && this.#sweep) {
      clearInterval(this.#sweep)
      this.#sweep = undefined
    }
  }

  #isUp(): boolean {
    for (const member of this.#members.values()) if (member.isUp) return true
    return false
  }

  /** When `queue-timeout` is over for a request. */
  #queueEnd({ startTime }: Job): number {
    const { queueTimeout } = this.group
    if (queueTimeout === 0 || startTime === undefined) return Number.POSITIVE_INFINITY
    return (startTime + queueTimeout) * 1000
  }

  /** When the group cannot start at all, waiting helps nobody. */
  #refuseHopeless(): void {
    if (this.#waiting.length === 0) return
    const why =
      this.group.threads === 0
        ? `WSGI daemon process group '${this.group.name}' has threads=0 and serves no requests`
        : this.#failure !== undefined && this.#members.size === 0
          ? `WSGI daemon process group '${this.group.name}' cannot be started: ${this.#failure}`
          : undefined
    if (why === undefined) return
    const refused = this.#waiting.splice(0)
    this.#tellWaiting()
    for (const job of refused) this.#refuse(job, 503, why)
  }

  #refuse(job: Job, status: 500 | 503 | 504, message: string): void {
    this.counts.refused++
    job.refuse(status, message)
  }
}
