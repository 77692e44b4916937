/** What a runtime process says is checked: it runs other people's code, and its parent may be root. */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { RuntimeControl } from '../../src/python/control.js'

/** What is heard of a line. */
function heard(line: string): unknown {
  const messages: unknown[] = []
  const stream = new PassThrough()
  new RuntimeControl(
    stream,
    (message) => messages.push(message),
    () => {},
  )
  stream.emit('data', `${line}\n`)
  return messages[0]
}

const TAKEN = [
  { type: 'ready', pid: 7, version: '3.11.2', subinterpreters: true },
  { type: 'leaving', reason: 'retire' },
  { type: 'deadlock', application_group: '' },
  { type: 'forked', pid: 7 },
  { type: 'exited', pid: 7, code: 0, signal: null },
  { type: 'exited', pid: 7, code: null, signal: 9 },
  { type: 'server_metrics', number: 1, asker: 0 },
  { type: 'unloaded', script: '/a.wsgi' },
  { type: 'log', level: 'info', text: 'words' },
]

for (const message of TAKEN)
  test(`taken: ${JSON.stringify(message)}`, () => assert.deepEqual(heard(JSON.stringify(message)), message))

const DROPPED = [
  'no JSON',
  'null',
  '7',
  '{"type":"unknown"}',
  '{"type":"ready","pid":7,"version":{}}',
  '{"type":"leaving"}',
  '{"type":"forked","pid":1}',
  '{"type":"forked","pid":-7}',
  '{"type":"forked","pid":7.5}',
  '{"type":"exited","pid":7}',
  '{"type":"exited","pid":7,"code":{"toString":0},"signal":null}',
  '{"type":"exited","pid":7,"code":null,"signal":"9"}',
  '{"type":"server_metrics","number":0.5,"asker":0}',
  '{"type":"log","level":3,"text":"words"}',
]

for (const line of DROPPED) test(`dropped: ${line}`, () => assert.equal(heard(line), undefined))
