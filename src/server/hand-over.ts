/**
 * How a server worker gets the supervisor's sockets and pipes: one that is started for a configuration inherits them, one that was there before
 * (spare-worker.ts) is sent them over a socket. Either way the numbers of the `configure` message are made the worker's own.
 */
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import { receiveDescriptors } from '../system/receive-descriptors.js'
import { sendDescriptors } from '../system/send-descriptors.js'
import { descriptorOf } from '../system/socket-descriptor.js'
import { dup2 } from './libc.js'
import type { ToWorker } from './messages.js'
import {
  CLOSE_WORD,
  HAND_OVER_FD,
  type SpareWorker,
  startSpareWorker,
  workerCommand,
} from './spare-worker.js'

type Configure = Extract<ToWorker, { type: 'configure' }>

/** The kernel takes 253 at most. */
const AT_A_TIME = 200

let spare: SpareWorker | undefined

/** Keeps a spare worker until it is asked for, or until this process ends without. */
export function offerSpareWorker(offered: SpareWorker | undefined): void {
  spare = offered
  if (offered !== undefined) process.once('exit', () => spare?.child.kill('SIGKILL'))
}

/** The process of the spare worker, where one waits. */
export function spareProcesses(): ChildProcess[] {
  return spare === undefined ? [] : [spare.child]
}

/**
 * The spare worker where there is one that will do, else one that is started now; undefined where descriptors cannot be handed over.
 * @param authorities see {@link startSpareWorker}
 */
export function takeSpareWorker(authorities: boolean): SpareWorker | undefined {
  const offered = spare
  spare = undefined
  const isAlive =
    offered !== undefined && offered.child.exitCode === null && offered.child.signalCode === null
  if (isAlive && authorities) offered.channel.destroy() // it leaves
  const taken = isAlive && !authorities ? offered : startSpareWorker(authorities)
  taken?.child.ref()
  taken?.channel.ref()
  return taken
}

/** The supervisor's side: sends descriptors, which stay open here; the first ever is the worker's standard error. @throws SystemCallError, Error */
export function handOver(socket: Socket, descriptors: readonly number[]): void {
  const fd = descriptorOf(socket)
  if (fd === undefined) throw new Error('it has closed its socket')
  for (let at = 0; at < descriptors.length; at += AT_A_TIME)
    sendDescriptors(fd, Buffer.from([0]), descriptors.slice(at, at + AT_A_TIME))
}

/** What the environment should be and was not when the spare worker was started; null: a variable that is gone. */
export function environmentSince({ environment }: SpareWorker): Record<string, string | null> {
  const wanted = { ...workerCommand().environment }
  const names = new Set([...Object.keys(environment), ...Object.keys(wanted)])
  const changed = [...names].filter((name) => environment[name] !== wanted[name])
  return Object.fromEntries(changed.map((name) => [name, wanted[name] ?? null]))
}

/** The worker's side, before anything else: closes what a stranger left open. */
export function closeForeignDescriptors(words: readonly string[]): void {
  const list = words.find((word) => word.startsWith(CLOSE_WORD))?.slice(CLOSE_WORD.length)
  for (const fd of list?.split(',') ?? [])
    try {
      if (fd !== '') closeSync(Number(fd))
    } catch {} // it was not inherited after all
}

/** The worker's side: takes what was sent, and puts the descriptors' numbers into the message. @throws SystemCallError */
export function takeOver(configure: Configure): Configure {
  const { sent } = configure
  if (sent === null) return configure
  for (const [name, value] of Object.entries(sent.environment)) {
    if (value === null) delete process.env[name]
    else process.env[name] = value
  }
  const [stderr, ...received] = receiveDescriptors(HAND_OVER_FD, sent.descriptors) as [number, ...number[]]
  dup2(stderr, 2)
  closeSync(stderr)
  const own = (place: number): number => received[place] as number
  return {
    ...configure,
    listeners: configure.listeners.map((one) => ({ ...one, fds: one.fds.map(own) })),
    pipes: configure.pipes.map((one) => ({ ...one, fd: own(one.fd) })),
  }
}

/** The worker's side, later: as many as have been sent. Waits for none. @throws SystemCallError where there are fewer */
export function takeMore(count: number): number[] {
  return receiveDescriptors(HAND_OVER_FD, count, false)
}

/** For a worker whose standard error goes nowhere. The caller closes it. */
export function openNowhere(): number {
  return openSync('/dev/null', 'r+')
}
