import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { descendants, stillThere } from '../support/processes.js'
import { findPython, skipWithout } from '../support/pythons.js'
import { PROJECT } from '../support/server.js'
import { until } from '../support/wait.js'

test('the example of a Node service: both halves answer, and it stops in order', {
  skip: skipWithout('3'),
}, async () => {
  const child = spawn(process.execPath, [path.join(PROJECT, 'examples/node-service/service.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PORT: '0', PYTHON: findPython('3')?.home },
  })
  try {
    const line = await new Promise<string>((resolve) =>
      createInterface({ input: child.stdout }).once('line', resolve),
    )
    const url = /^Listening on (http:\S+)\/$/.exec(line)?.[1]
    const below = descendants(child.pid as number)
    const get = async (place: string, body?: string) =>
      (await fetch(url + place, body === undefined ? {} : { method: 'POST', body })).text()
    assert.equal(await get('/'), 'Hello from Node\n')
    assert.match(await get('/python/any/path'), /^Hello from Python: GET \/any\/path, a body of 0 bytes/)
    assert.match(await get('/python', 'text'), /^Hello from Python: POST , a body of 4 bytes/)
    assert.deepEqual(JSON.parse(await get('/health')), { active: 0, waiting: 0, processes: 2 })
    child.kill('SIGTERM')
    const ended = await new Promise((resolve) => child.once('close', (...how) => resolve(how)))
    assert.deepEqual(ended, [0, null])
    await until('its processes to be gone', () => stillThere(below).length === 0)
  } finally {
    child.kill('SIGKILL')
  }
})
