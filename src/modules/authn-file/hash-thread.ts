/**
 * The thread that computes slow password hashes, one at a time, so that neither the event loop nor the threads that read files wait for them.
 * Entry file of a worker thread; messages are {@link HashQuestion} and {@link HashAnswer}.
 */
import { parentPort } from 'node:worker_threads'
import { type Comparison, comparePassword } from './password-hash.js'

export interface HashQuestion {
  readonly id: number
  readonly password: string
  readonly hash: string
}

export interface HashAnswer {
  readonly id: number
  readonly comparison: Comparison
}

parentPort?.on('message', ({ id, password, hash }: HashQuestion) => {
  parentPort?.postMessage({ id, comparison: comparePassword(password, hash) } satisfies HashAnswer)
})
