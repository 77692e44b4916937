/** Starts that fail, processes that die, reloads, and the end. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { mount, OptionError, StartError } from '../../src/index.js'
import { descendants, stillThere } from '../support/processes.js'
import { skipWithout } from '../support/pythons.js'
import { until } from '../support/wait.js'
import { folder, python, type Service, withService } from './support.js'

const skip = skipWithout('3')

const VERSIONED = (version: string) => `
import os, time
def application(environ, start_response):
    if environ['PATH_INFO'] == '/die':
        os.kill(os.getpid(), 9)
    while environ['PATH_INFO'] == '/wait' and not os.path.exists(environ['QUERY_STRING']):
        time.sleep(0.01)
    if environ['PATH_INFO'] == '/stuck':
        time.sleep(1000)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'${version} %d' % os.getpid()]
`

const quiet = { log: () => {}, python: python() }

test('options that are wrong are told at once', { skip }, async () => {
  const directory = folder({ 'app.wsgi': VERSIONED('1') })
  const application = path.join(directory, 'app.wsgi')
  const wrong: [object, RegExp][] = [
    [{}, /the option application is missing/],
    [
      { application: path.join(directory, 'other.wsgi') },
      /application names a file that is not there: .*other\.wsgi$/,
    ],
    [{ application: 'mysite.wsgi' }, /a module is written with its callable, as mysite\.wsgi:application/],
    [{ application: directory }, /must be a file: .* is a directory/],
    [{ application, processes: 0 }, /processes must be a whole number from 1 to 1000; it is 0/],
    [{ application, thread: 3 }, /thread is not known: did you mean threads\?/],
    [{ application, python: directory }, /python leads to no Python: /],
    [{ application, workingDirectory: `${directory}/none` }, /workingDirectory names no directory/],
    [
      { application, trustProxyHeader: ['X-Forwarded-For'], trustProxy: ['nowhere'] },
      /the option trustProxy is refused: Unable to parse trusted proxy IP address\/subnet of "nowhere"/,
    ],
  ]
  for (const [options, message] of wrong)
    await assert.rejects(mount({ python: python(), ...options } as never), (error: Error) => {
      assert.ok(error instanceof OptionError, String(error))
      assert.match(error.message, message)
      return true
    })
  await assert.rejects(mount({ application: '' }), OptionError)
  rmSync(directory, { recursive: true })
})

test('an application that cannot be loaded: the traceback is the message', { skip }, async () => {
  const directory = folder({ 'app.wsgi': 'import os\nraise RuntimeError("no database")\n' })
  const application = path.join(directory, 'app.wsgi')
  await assert.rejects(mount({ ...quiet, application, processes: 2 }), (error: Error) => {
    assert.ok(error instanceof StartError)
    assert.match(error.message, /app\.wsgi cannot be loaded:\n/)
    assert.match(error.message, /line 2, in <module>\n.*RuntimeError: no database$/s)
    assert.equal(error.message.match(/RuntimeError: no database/g)?.length, 1)
    return true
  })
  await assert.rejects(
    mount({ ...quiet, application: 'no_such_module:app' }),
    /No module named 'no_such_module'/,
  )
  assert.deepEqual(
    descendants(process.pid).map(({ command }) => command),
    [],
  )
  rmSync(directory, { recursive: true })
})

test('a script without the application is told at the start', { skip }, async () => {
  const directory = folder({
    'app.wsgi': 'numbers = [1]\n\ndef wsgi_app(environ, start_response):\n    pass\n',
  })
  const application = path.join(directory, 'app.wsgi')
  const starts = (callableObject: string) => mount({ ...quiet, application, callableObject })
  await assert.rejects(starts('application'), (error: Error) => {
    assert.ok(error instanceof StartError)
    assert.match(
      error.message,
      /app\.wsgi cannot be loaded:\n.* does not contain WSGI application 'application'\.$/,
    )
    return true
  })
  await assert.rejects(
    starts('numbers'),
    /'numbers' of .*app\.wsgi' cannot be called: it is of type 'list'\.$/,
  )
  await (await starts('wsgi_app')).close()
  rmSync(directory, { recursive: true })
})

test('names of files and groups beyond ASCII', { skip }, async () => {
  const directory = folder({ '\u00e4pp.wsgi': VERSIONED('1') })
  const application = path.join(directory, '\u00e4pp.wsgi')
  await withService({ script: '', application, processGroup: 'gr\u00fcn' }, async (service) => {
    assert.match((await service.get('/')).text, /^1 \d+$/)
  })
  rmSync(directory, { recursive: true })
})

test('signal ends a mount whose application does not come to the end of its import', { skip }, async () => {
  const directory = folder({
    'app.wsgi':
      'import os, sys, time\nopen(os.path.join(os.path.dirname(__file__), "begun"), "w")\ntime.sleep(1000)\n',
  })
  const application = path.join(directory, 'app.wsgi')
  const before = descendants(process.pid).length
  const controller = new AbortController()
  const mounting = mount({ ...quiet, application, signal: controller.signal })
  await until('the import to have begun', () => existsSync(path.join(directory, 'begun')))
  controller.abort(new Error('it takes too long'))
  await assert.rejects(mounting, /^Error: it takes too long$/)
  assert.equal(descendants(process.pid).length, before)
  await assert.rejects(mount({ ...quiet, application, signal: controller.signal }), /it takes too long/)
  rmSync(directory, { recursive: true })
})

test('python by its name on PATH', { skip }, async () => {
  const directory = folder({ 'app.wsgi': VERSIONED('1') })
  const application = path.join(directory, 'app.wsgi')
  await assert.rejects(mount({ ...quiet, application, python: 'python9.9' }), (error: Error) => {
    assert.ok(error instanceof OptionError)
    assert.match(error.message, /nothing on PATH \(.*\) called python9\.9$/)
    return true
  })
  rmSync(directory, { recursive: true })
})

test('a Python that does not come up: why is the message, once', { skip }, async () => {
  const directory = folder({
    'app.wsgi': VERSIONED('1'),
    python3: '#!/bin/sh\necho no such luck >&2\nexit 3\n',
  })
  chmodSync(path.join(directory, 'python3'), 0o755)
  const application = path.join(directory, 'app.wsgi')
  const options = { ...quiet, application, python: path.join(directory, 'python3') }
  await assert.rejects(mount(options), (error: Error) => {
    assert.ok(error instanceof StartError)
    assert.match(error.message, /app\.wsgi cannot be started: exit status 3\nno such luck$/)
    return true
  })
  rmSync(directory, { recursive: true })
})

const pidOf = async (service: Service) => Number((await service.get('/')).text.split(' ')[1])

test('an application by the name of its module', { skip }, async () => {
  const files = { 'site_of_mine.py': VERSIONED('module').replace('def application', 'def wsgi_app') }
  await withService({ script: '', files, application: 'site_of_mine:wsgi_app' }, async (service) => {
    assert.match((await service.get('/')).text, /^module \d+$/)
    assert.match(service.app.status().processes[0]?.pythonVersion ?? '', /^3\./)
    const before = await pidOf(service)
    service.write('site_of_mine.py', 'nonsense(')
    await assert.rejects(service.app.reload(), /site_of_mine:wsgi_app cannot be loaded:\n[^]*SyntaxError/)
    // the script that stands for the module has not changed
    assert.equal(await pidOf(service), before)
  })
})

test('a process that dies is replaced, its request gets 502, and events tell', { skip }, async () => {
  await withService({ script: VERSIONED('1') }, async (service) => {
    const before = await pidOf(service)
    const events: unknown[] = []
    service.app.on('processExit', ({ pid, cause }) => events.push(['exit', pid, cause]))
    service.app.on('processReady', ({ pid, state }) => events.push(['ready', pid, state]))
    assert.equal((await service.get('/die')).status, 502)
    const after = await pidOf(service)
    assert.notEqual(after, before)
    assert.deepEqual(events, [
      ['exit', before, 'killed by signal SIGKILL (9); not sent by this server'],
      ['ready', after, 'ready'],
    ])
    await service.untilLogged(/has died: killed by signal SIGKILL/)
  })
})

test('a changed script takes effect; one that is broken gives 500 until it is mended', { skip }, async () => {
  await withService({ script: VERSIONED('1') }, async (service) => {
    const change = (text: string, seconds: number) => {
      service.write('app.wsgi', text)
      utimesSync(path.join(service.directory, 'app.wsgi'), seconds, seconds)
    }
    assert.match((await service.get('/')).text, /^1 /)
    const exits: string[] = []
    service.app.on('processExit', ({ cause }) => exits.push(cause))
    change(VERSIONED('2'), 1e9)
    assert.match((await service.get('/')).text, /^2 /)
    await until('the old process to be gone', () => exits.length === 1)
    assert.equal(exits[0], 'exit status 0 (script_reload)')
    assert.equal(service.app.status().failure, undefined)
    const failures: string[] = []
    service.app.on('failure', (message) => failures.push(message))
    change('nonsense(', 1.1e9)
    assert.equal((await service.get('/')).status, 500)
    await until('the failure', () => failures.length === 1)
    assert.match(failures[0] ?? '', /app\.wsgi cannot be loaded: its requests get 500/)
    assert.equal(service.app.status().failure, failures[0])
    change(VERSIONED('3'), 1.2e9)
    await until('the mended script', async () => (await service.get('/')).text.startsWith('3 '))
    await until('all to be well', () => service.app.status().failure === undefined)
  })
})

test('reloadOnChanges: a changed module takes effect, too', { skip }, async () => {
  const script = `import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\nimport own_module\n${VERSIONED('1').replace("b'1 %d'", "b'%d'").replace('os.getpid()]', 'own_module.VALUE]')}`
  const files = { 'own_module.py': 'VALUE = 1\n' }
  await withService({ script, files, reloadOnChanges: true }, async (service) => {
    assert.equal((await service.get('/')).text, '1')
    service.write('own_module.py', 'VALUE = 22\n')
    await until('the new module', async () => (await service.get('/')).text === '22')
    await service.untilLogged(/Change detected to .*own_module/)
  })
})

test('reload: no request is lost, and one that fails leaves everything as it was', { skip }, async () => {
  await withService({ script: VERSIONED('1'), scriptReloading: false }, async (service) => {
    const first = await pidOf(service)
    const ready = [first]
    service.app.on('processReady', ({ pid }) => ready.push(pid))
    const go = path.join(service.directory, 'go')
    const long = service.get(`/wait?${go}`)
    await until('the request to run', () => service.app.status().active === 1)
    service.write('app.wsgi', VERSIONED('2'))
    await service.app.reload()
    assert.match((await service.get('/')).text, /^2 /)
    service.write('go', '')
    assert.equal((await long).text, `1 ${first}`)
    const gone: number[] = []
    service.app.on('processExit', ({ pid }) => gone.push(pid))
    service.write('app.wsgi', 'nonsense(')
    await assert.rejects(service.app.reload(), /cannot be loaded:\n[^]*SyntaxError/)
    assert.match((await service.get('/')).text, /^2 /)
    assert.equal(service.app.status().failure, undefined)
    // of those that never took a request nothing is told
    for (const pid of gone) assert.ok(ready.includes(pid))
    await until('the old processes to be gone', () => service.app.status().processes.length === 1)
  })
})

test('close waits for the requests that run, refuses others, and may be called again', { skip }, async () => {
  await withService({ script: VERSIONED('1') }, async (service) => {
    const go = path.join(service.directory, 'go')
    const long = service.get(`/wait?${go}`)
    await until('the request to run', () => service.app.status().active === 1)
    const closing = service.app.close()
    assert.equal((await service.get('/')).status, 503)
    service.write('go', '')
    assert.match((await long).text, /^1 /)
    await closing
    await service.app.close()
    assert.deepEqual(service.app.status().processes, [])
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith(`wsgi-httpd.${process.pid}.`)),
      [],
    )
    await assert.rejects(service.app.reload(), /has been closed/)
  })
})

test('close cuts what takes longer than gracefulTimeout', { skip }, async () => {
  await withService({ script: VERSIONED('1'), gracefulTimeout: 1 }, async (service) => {
    const stuck = service.get('/stuck')
    const cut = assert.rejects(stuck)
    await until('the request to run', () => service.app.status().active === 1)
    await service.app.close()
    await cut
    // it was to end, and had to be helped
    assert.match(
      service.log(),
      /Process 'app\.wsgi' has ended: killed by signal SIGKILL \(9\) \(server_stop\)/,
    )
    assert.doesNotMatch(service.log(), /^error: /m)
  })
})

test('requests beyond requestTimeout end, with the process or with an exception', { skip }, async () => {
  const options = {
    script: VERSIONED('1'),
    threads: 1,
    requestTimeout: 1,
    gracefulTimeout: 1,
    shutdownTimeout: 1,
  }
  await withService(options, async (service) => {
    assert.equal((await service.get('/stuck')).status, 502)
    assert.match((await service.get('/')).text, /^1 /)
  })
  await withService({ ...options, interruptTimeout: 5 }, async (service) => {
    const before = await pidOf(service)
    assert.equal((await service.get('/wait?/nowhere')).status, 504)
    assert.equal(await pidOf(service), before)
  })
})

test('two applications in one service', { skip }, async () => {
  await withService({ script: VERSIONED('1') }, async (one) => {
    await withService({ script: VERSIONED('2'), processes: 2 }, async (other) => {
      assert.match((await one.get('/')).text, /^1 /)
      assert.match((await other.get('/')).text, /^2 /)
      assert.equal(other.app.status().processes.length, 2)
    })
    assert.match((await one.get('/')).text, /^1 /)
  })
})

const SERVICE = `
import { mount } from '${new URL('../../src/index.js', import.meta.url).href}'
const app = await mount(JSON.parse(process.argv[2]))
console.log(JSON.stringify(app.status().processes.map(({ pid }) => pid)))
setInterval(() => {}, 1000)
`

for (const signal of ['SIGKILL', 'SIGTERM'] as const)
  test(`a service that ends by ${signal} leaves no process`, {
    skip: skip || (!existsSync('/proc') && 'no /proc'),
  }, async () => {
    const directory = folder({ 'app.wsgi': VERSIONED('1'), 'service.mjs': SERVICE })
    const options = { application: path.join(directory, 'app.wsgi'), python: python(), processes: 2 }
    const child = spawn(process.execPath, [path.join(directory, 'service.mjs'), JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const [line] = await new Promise<string[]>((resolve) =>
        createInterface({ input: child.stdout }).once('line', (text) => resolve([text])),
      )
      const below = descendants(child.pid as number)
      const pids = JSON.parse(line ?? '[]') as number[]
      assert.equal(pids.length, 2)
      for (const pid of pids) assert.ok(below.some((one) => one.pid === pid))
      child.kill(signal)
      await until('its processes to be gone', () => stillThere(below).length === 0)
    } finally {
      child.kill('SIGKILL')
      rmSync(directory, { recursive: true })
    }
  })

test('in a worker thread', { skip }, async () => {
  const directory = folder({ 'app.wsgi': VERSIONED('1') })
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    process.on('warning', ({ message }) => parentPort.postMessage(message))
    import(workerData.index).then(async ({ mount }) => {
      const app = await mount(workerData.options)
      parentPort.postMessage(app.status().processes[0].state)
      await app.close()
    })`
  const worker = new Worker(code, {
    eval: true,
    workerData: {
      index: new URL('../../src/index.js', import.meta.url).href,
      options: { application: path.join(directory, 'app.wsgi'), python: python() },
    },
  })
  const said: unknown[] = []
  worker.on('message', (message) => said.push(message))
  await once(worker, 'exit')
  assert.deepEqual(said, ['ready'])
  rmSync(directory, { recursive: true })
})
