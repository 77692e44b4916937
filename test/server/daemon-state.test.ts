import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import {
  type DaemonEvent,
  type DaemonState,
  describeReason,
  levelOfReason,
  next,
  REASONS,
  type Reason,
  reasonFrom,
  TRANSITIONS,
  wordForProcess,
} from '../../src/server/daemon-state.js'
import { PROJECT } from '../support/server.js'

/** Runs events from `starting`; answers with the states and how often a replacement was due. */
function run(...events: DaemonEvent[]): { states: DaemonState[]; replaced: number } {
  let state: DaemonState = 'starting'
  let replaced = 0
  const states: DaemonState[] = []
  for (const event of events) {
    const step = next(state, event)
    if (step === undefined) continue
    state = step.to
    states.push(state)
    if (step.replace) replaced++
  }
  return { states, replaced }
}

test('a process that reloads is replaced once, when it begins to drain', () => {
  assert.deepEqual(run('ready', 'script_reload', 'script_reload', 'retire', 'exit'), {
    states: ['ready', 'draining', 'stopping', 'gone'],
    replaced: 1,
  })
})

test('a process whose interval is over serves on until its replacement is ready', () => {
  assert.deepEqual(run('ready', 'restart_interval', 'graceful_signal', 'relieved', 'retire', 'exit'), {
    states: ['ready', 'replacing', 'draining', 'stopping', 'gone'],
    replaced: 1,
  })
})

test('a process that has outgrown its limit serves on until its replacement is ready, and is replaced once', () => {
  assert.deepEqual(
    run('ready', 'resident_memory_limit', 'resident_memory_limit', 'relieved', 'retire', 'exit'),
    {
      states: ['ready', 'replacing', 'draining', 'stopping', 'gone'],
      replaced: 1,
    },
  )
  assert.equal(run('resident_memory_limit').states.length, 0, 'not while it starts')
})

test('a process that nears its last request serves on; if it comes to it first, it is not replaced twice', () => {
  const near = ['ready', 'maximum_requests_near'] as const
  assert.deepEqual(run(...near, 'maximum_requests_near', 'relieved', 'retire', 'exit'), {
    states: ['ready', 'replacing', 'draining', 'stopping', 'gone'],
    replaced: 1,
  })
  assert.deepEqual(run(...near, 'maximum_requests', 'relieved', 'retire', 'exit'), {
    states: ['ready', 'replacing', 'draining', 'stopping', 'gone'],
    replaced: 1,
  })
  assert.equal(wordForProcess('maximum_requests_near'), 'maximum_requests')
})

test('what is not planned is logged at warn', () => {
  const reasons = Object.keys(REASONS) as Reason[]
  assert.deepEqual(
    reasons.filter((reason) => levelOfReason(reason) === 'warn'),
    ['request_timeout', 'startup_timeout', 'resident_memory_limit', 'deadlock_timeout', 'graceful_timeout'],
  )
})

test('a process that dies while its replacement starts is not replaced twice', () => {
  assert.equal(run('ready', 'eviction_signal', 'exit').replaced, 1)
  assert.equal(run('ready', 'restart_interval', 'script_reload', 'exit').replaced, 1)
})

test('a process that stops by itself is replaced when it begins to stop', () => {
  assert.deepEqual(run('ready', 'shutdown_signal', 'exit'), {
    states: ['ready', 'stopping', 'gone'],
    replaced: 1,
  })
})

test('a process that dies is replaced when it is gone', () => {
  assert.deepEqual(run('ready', 'exit'), { states: ['ready', 'gone'], replaced: 1 })
  assert.deepEqual(run('exit'), { states: ['gone'], replaced: 1 })
})

test('nothing takes the place of a process whose group is gone or whose server stops', () => {
  assert.equal(run('ready', 'group_changed', 'exit').replaced, 0)
  assert.equal(run('ready', 'server_stop', 'exit').replaced, 0)
})

test('a process that drains does not become ready', () => {
  assert.deepEqual(run('group_changed', 'ready').states, ['draining'])
})

test('every life ends, and is replaced at most once', () => {
  const events = [...new Set(TRANSITIONS.map(({ event }) => event))]
  for (const first of events)
    for (const second of events)
      for (const third of events) {
        const life = run('ready', first, second, third, 'exit')
        assert.equal(life.states.at(-1), 'gone')
        assert.ok(life.replaced <= 1, `${first} ${second} ${third}`)
      }
})

test('reasons of the runtime are taken by name, others count as a signal', () => {
  assert.equal(reasonFrom('maximum_requests'), 'maximum_requests')
  for (const word of ['server_stop', 'toString', '', 7, null, undefined])
    assert.equal(reasonFrom(word), 'shutdown_signal')
})

test('a reason is logged with the name of the group, whatever that contains', () => {
  assert.equal(describeReason('shutdown_signal', '$& %s'), "Shutdown requested '$& %s' (shutdown_signal).")
  assert.equal(
    describeReason('resident_memory_limit', 'a', '5 bytes, more than 4'),
    "Resident memory limit exceeded, process 'a' is replaced: 5 bytes, more than 4 (resident_memory_limit).",
  )
})

/** Lines such as `ready --> draining: script_reload, maximum_requests` of the diagram. */
function documented(page: string): string[] {
  const diagram = /```mermaid\nstateDiagram-v2\n([^]*?)```/.exec(page)?.[1] ?? ''
  return [...diagram.matchAll(/^ *(\w+) --> (\w+): (.*)$/gm)].flatMap(([, from, to, events = '']) =>
    events.split(', ').map((event) => `${from} ${event} ${to}`),
  )
}

test('docs/processes.md shows exactly these transitions, and explains every reason', () => {
  const page = readFileSync(path.join(PROJECT, 'docs/processes.md'), 'utf8')
  assert.deepEqual(
    documented(page).sort(),
    TRANSITIONS.map(({ from, event, to }) => `${from} ${event} ${to}`).sort(),
  )
  for (const reason of Object.keys(REASONS) as Reason[]) assert.ok(page.includes(`| \`${reason}\` |`), reason)
})
