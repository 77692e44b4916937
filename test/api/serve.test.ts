import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { OptionError, StartError, serve } from '../../src/index.js'
import { isRoot } from '../support/cache.js'
import { descendants, stillThere } from '../support/processes.js'
import { findPython, skipWithout, usable } from '../support/pythons.js'
import { until } from '../support/wait.js'
import { folder } from './support.js'

const skip = skipWithout('3')

const HELLO = `
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'Hello from ' + environ['mod_wsgi.process_group'].encode()]
`

function configuration(directory: string): string {
  const python = findPython('3')
  return `${isRoot ? 'User nobody\nGroup "#65534"\n' : ''}Listen 127.0.0.1:\${PORT}
WSGIDaemonProcess app python-home="${python && usable(python).home}"
WSGIScriptAlias / "${directory}/app.wsgi" process-group=app application-group=%{GLOBAL}
<Directory />
    Require all granted
</Directory>
`
}

function readableFolder(): string {
  const directory = folder({ 'app.wsgi': HELLO })
  chmodSync(directory, 0o755)
  return directory
}

test('a server from the text of a configuration: requests, reload, stop', { skip }, async () => {
  const directory = readableFolder()
  let output = ''
  const server = await serve({ configuration: configuration(directory), output: (text) => (output += text) })
  const below = descendants(process.pid)
  try {
    assert.equal(server.url, `http://127.0.0.1:${server.defined.PORT}`)
    assert.deepEqual(server.urls, [server.url])
    assert.ok(below.some(({ pid }) => pid === server.pid))
    assert.equal(await (await fetch(server.url)).text(), 'Hello from app')
    await server.reload()
    assert.equal(await (await fetch(server.url)).text(), 'Hello from app')
    assert.match(output, /resuming normal operations/)
  } finally {
    const stopped = await server.stop()
    assert.deepEqual(stopped, { code: 0, signal: null })
    assert.deepEqual(await server.stopped, stopped)
    assert.deepEqual(await server.stop(), stopped)
    rmSync(directory, { recursive: true })
  }
  await until('its processes to be gone', () => stillThere(below).length === 0)
})

test('a server from a file: a reload that is called off, a graceful stop', { skip }, async () => {
  const directory = readableFolder()
  const file = path.join(directory, 'httpd.conf')
  writeFileSync(file, configuration(directory))
  const server = await serve({ file, define: { PORT: 0, OTHER: 'x' }, output: () => {} })
  try {
    assert.equal(server.defined.OTHER, 'x')
    writeFileSync(file, 'Nonsense\n')
    await assert.rejects(server.reload(), /the restart was called off: [^]*Invalid command 'Nonsense'/)
    assert.equal((await fetch(server.url)).status, 200)
  } finally {
    assert.deepEqual(await server.stop('gracefully'), { code: 0, signal: null })
    rmSync(directory, { recursive: true })
  }
  await assert.rejects(server.reload(), /has ended/)
})

test('a reload that is asked for during another tells what became of its own', { skip }, async () => {
  const directory = readableFolder()
  const file = path.join(directory, 'httpd.conf')
  writeFileSync(file, configuration(directory))
  const server = await serve({ file, output: () => {} })
  try {
    const first = server.reload().then(() => writeFileSync(file, 'Nonsense\n'))
    const second = server.reload()
    await Promise.all([first, assert.rejects(second, /called off: [^]*Invalid command 'Nonsense'/)])
    writeFileSync(file, configuration(directory))
    await Promise.all([server.reload(), server.reload()])
  } finally {
    await server.stop()
    rmSync(directory, { recursive: true })
  }
})

test('a configuration with faults: the server’s own words are the message', async () => {
  await assert.rejects(serve({ configuration: 'Listen 1\nNonsense', output: () => {} }), (error: Error) => {
    assert.ok(error instanceof StartError)
    assert.match(
      error.message,
      /exit status 1\):\nAH00526: Syntax error on line 2 of .*:\nInvalid command 'Nonsense'/,
    )
    return true
  })
})

test('options that are wrong', async () => {
  await assert.rejects(serve({}), OptionError)
  await assert.rejects(serve({ configuration: '', file: 'x' }), /and not both/)
  await assert.rejects(serve({ configuration: '', ports: 1 } as never), /the option ports is not known/)
  await assert.rejects(
    serve({ configuration: '', define: { 'A B': 1 } }),
    /define must be an object of names/,
  )
})

const PARENT = `
import { serve } from '${new URL('../../src/index.js', import.meta.url).href}'
const server = await serve({ file: process.argv[2], output: () => {} })
console.log(server.pid)
`

test('the server ends when the process that started it is killed', { skip }, async () => {
  const directory = readableFolder()
  writeFileSync(path.join(directory, 'httpd.conf'), configuration(directory))
  writeFileSync(path.join(directory, 'parent.mjs'), PARENT)
  const child = spawn(
    process.execPath,
    [path.join(directory, 'parent.mjs'), path.join(directory, 'httpd.conf')],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  try {
    await new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve))
    const below = descendants(child.pid as number)
    assert.ok(below.length >= 3)
    child.kill('SIGKILL')
    await until('its processes to be gone', () => stillThere(below).length === 0)
  } finally {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true })
  }
})
