import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DaemonEvent, type DaemonState, next, reasonFrom } from '../../src/server/daemon-state.js'

/** Runs events from `starting`; answers with the states and how often a replacement was due. */
function run(...events: DaemonEvent[]): { states: DaemonState[]; replaced: number } {
  let state: DaemonState = 'starting'
  let replaced = 0
  const states: DaemonState[] = []
  for (const event of events) {
    const step = next(state, event)
    if (step === undefined) continue
    state = step.state
    states.push(state)
    if (step.replace) replaced++
  }
  return { states, replaced }
}

const READY: DaemonEvent = { type: 'ready' }
const EXIT: DaemonEvent = { type: 'exit' }

test('a process that reloads is replaced once, when it begins to drain', () => {
  const reload: DaemonEvent = { type: 'drain', reason: 'script_reload' }
  assert.deepEqual(run(READY, reload, reload, { type: 'stop', reason: 'retire' }, EXIT), {
    states: ['ready', 'draining', 'stopping', 'gone'],
    replaced: 1,
  })
})

test('a process that stops by itself is replaced when it begins to stop', () => {
  assert.deepEqual(run(READY, { type: 'stop', reason: 'shutdown_signal' }, EXIT), {
    states: ['ready', 'stopping', 'gone'],
    replaced: 1,
  })
})

test('a process that dies is replaced when it is gone', () => {
  assert.deepEqual(run(READY, EXIT), { states: ['ready', 'gone'], replaced: 1 })
  assert.deepEqual(run(EXIT), { states: ['gone'], replaced: 1 })
})

test('nothing takes the place of a process whose group is gone or whose server stops', () => {
  assert.equal(run(READY, { type: 'drain', reason: 'group_changed' }, EXIT).replaced, 0)
  assert.equal(run(READY, { type: 'stop', reason: 'server_stop' }, EXIT).replaced, 0)
})

test('a process that drains does not become ready', () => {
  assert.deepEqual(run({ type: 'drain', reason: 'refused' }, READY).states, ['draining'])
})

test('reasons of the runtime are taken by name, others count as a signal', () => {
  assert.equal(reasonFrom('maximum_requests'), 'maximum_requests')
  for (const word of ['toString', '', 7, null, undefined]) assert.equal(reasonFrom(word), 'shutdown_signal')
})
