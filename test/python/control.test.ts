/**
 * What a runtime process tells its parent: every message is heard, and every one is in docs/channel.md. What is none is not: it
 * runs other people's code, and its parent may be root.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { RuntimeControl, type RuntimeMessage } from '../../src/python/control.js'
import { PROJECT } from '../support/server.js'
import { until } from '../support/wait.js'

const MESSAGES: { readonly [Type in RuntimeMessage['type']]: Extract<RuntimeMessage, { type: Type }> } = {
  ready: { type: 'ready', pid: 2, version: '3.13.0', subinterpreters: true },
  leaving: { type: 'leaving', reason: 'retire' },
  resident_memory: { type: 'resident_memory', bytes: 4096 },
  alive: { type: 'alive' },
  deadlock: { type: 'deadlock', application_group: 'g' },
  stopped: { type: 'stopped', forced: false },
  zygote_ready: { type: 'zygote_ready' },
  forked: { type: 'forked', pid: 3 },
  exited: { type: 'exited', pid: 3, code: 0, signal: null },
  log: { type: 'log', level: 'error', text: 'words' },
  loaded: { type: 'loaded', script: '/a.wsgi' },
  unloaded: { type: 'unloaded', script: '/a.wsgi' },
  server_metrics: { type: 'server_metrics', number: 1, asker: 0 },
}

/** What is heard of these lines. */
async function hear(lines: readonly string[]): Promise<RuntimeMessage[]> {
  const stream = new PassThrough()
  const heard: RuntimeMessage[] = []
  await new Promise<void>((ended) => {
    new RuntimeControl(stream, (message) => heard.push(message), ended)
    stream.end(lines.map((line) => `${line}\n`).join(''))
  })
  return heard
}

test('each message is heard as it was said', async () => {
  const said = Object.values(MESSAGES)
  assert.deepEqual(await hear(said.map((message) => JSON.stringify(message))), said)
})

const DROPPED = [
  'no JSON',
  '',
  'null',
  '7',
  '{"type":"toString"}',
  '{"type":"unknown"}',
  '{"type":"ready","pid":7,"version":{}}',
  '{"type":"leaving"}',
  '{"type":"deadlock"}',
  '{"type":"resident_memory"}',
  '{"type":"resident_memory","bytes":"4096"}',
  '{"type":"resident_memory","bytes":1e300}',
  '{"type":"forked","pid":1}',
  '{"type":"forked","pid":-7}',
  '{"type":"forked","pid":7.5}',
  '{"type":"exited","pid":7}',
  '{"type":"exited","pid":7,"code":{"toString":0},"signal":null}',
  '{"type":"exited","pid":7,"code":null,"signal":"9"}',
  '{"type":"unloaded"}',
  '{"type":"server_metrics","number":0.5,"asker":0}',
  '{"type":"log","level":3,"text":"words"}',
]

test('what lacks its fields, or is no message, is dropped', async () => {
  for (const line of DROPPED) assert.deepEqual(await hear([line]), [], line)
})

test('docs/channel.md explains exactly these messages', () => {
  const page = readFileSync(path.join(PROJECT, 'docs/channel.md'), 'utf8')
  const table = /^\| runtime → parent \|.*\n((?:\|.*\n)+)/m.exec(page)?.[1] ?? ''
  const explained = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, type]) => type)
  assert.deepEqual(explained.sort(), Object.keys(MESSAGES).sort())
})

function opened() {
  const stream = new PassThrough({ readableHighWaterMark: 1 })
  const heard: RuntimeMessage[] = []
  let hasEnded = false
  const control = new RuntimeControl(
    stream,
    (message) => void heard.push(message),
    () => {
      hasEnded = true
    },
  )
  return { stream, control, heard, ended: () => until('its end', () => hasEnded) }
}

test('a process that does not read loses its connection, and answers to it are over', async () => {
  const { stream, control, ended } = opened()
  stream.pause()
  let taken = 0
  let given = 0
  while (!stream.destroyed) {
    control.answer(
      { type: 'server_metrics', number: ++given, asker: 0, value: 'x'.repeat(1000) },
      () => taken++,
    )
    assert.ok(given < 5000)
  }
  await ended()
  const before = taken
  control.answer({ type: 'server_metrics', number: 0, asker: 0, value: null }, () => taken++)
  assert.equal(taken, before + 1)
})

test('a line that does not end closes the connection; those before it are heard', async () => {
  const { stream, heard, ended } = opened()
  stream.write('{"type":"alive"}\n{"type":"log","level":"info","text":"a')
  stream.write('b"}\nnonsense\n')
  stream.write('x'.repeat(300_000))
  await ended()
  assert.deepEqual(heard, [{ type: 'alive' }, { type: 'log', level: 'info', text: 'ab' }])
})
