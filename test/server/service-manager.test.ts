/** What a service manager is told: `Type=notify` of systemd. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { notificationOf, watchdogOf } from '../../src/server/service-manager.js'
import { temporaryDirectory } from '../log/support.js'
import { findPython, skipWithout } from '../support/pythons.js'
import { withServer } from '../support/server.js'
import { until } from '../support/wait.js'

test('each event is told in lines of its own', () => {
  assert.match(notificationOf({ type: 'serving', addresses: [] }, 0n), /^READY=1\nSTATUS=[^\n]+$/)
  assert.match(notificationOf({ type: 'restarting' }, 17n), /^RELOADING=1\nMONOTONIC_USEC=17\nSTATUS=[^\n]+$/)
  assert.match(
    notificationOf({ type: 'kept', reason: 'line 1\nREADY=0' }, 0n),
    /^READY=1\nSTATUS=The restart was called off[^\n]*: line 1 READY=0$/,
  )
  assert.match(notificationOf({ type: 'stopping' }, 0n), /^STOPPING=1\nSTATUS=/)
})

test('a watched server asks for patience while it reads its configuration, and for none when it stops', () => {
  const told = (type: 'serving' | 'restarting' | 'stopping', watchdog: number) =>
    notificationOf(type === 'serving' ? { type, addresses: [] } : { type }, 0n, watchdog)
      .split('\n')
      .filter((line) => line.startsWith('WATCHDOG'))
  assert.deepEqual(told('serving', 30_000_000), ['WATCHDOG_USEC=30000000', 'WATCHDOG=1'])
  assert.deepEqual(told('restarting', 30_000_000), ['WATCHDOG_USEC=300000000', 'WATCHDOG=1'])
  assert.deepEqual(told('restarting', 900_000_000), ['WATCHDOG_USEC=900000000', 'WATCHDOG=1'])
  assert.deepEqual(told('stopping', 30_000_000), [])
})

test('a manager watches the process that it names, or the one that it has started', () => {
  assert.equal(watchdogOf({ WATCHDOG_USEC: '30000000' }, 7), 30_000_000)
  assert.equal(watchdogOf({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 7), 30_000_000)
  assert.equal(watchdogOf({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, 7), undefined)
  for (const usec of ['', '0', '-1', '1e9', 'infinity'])
    assert.equal(watchdogOf({ WATCHDOG_USEC: usec }, 7), undefined, usec)
  assert.equal(watchdogOf({}, 7), undefined)
})

/** What systemd is for a service: prints the first state of each datagram, or all that it was told. */
const MANAGER = `
import socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name, whole = sys.argv[1], len(sys.argv) > 2
manager.bind(chr(0) + name[1:] if name.startswith('@') else name)
print('listens', flush=True)
while True:
    said = manager.recv(65536).decode()
    print(said.replace('\\n', ' ') if whole else said.split('STATUS=')[0].split('=1')[0], flush=True)
`
const APP = `
import os
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [os.environ.get('NOTIFY_SOCKET', 'none').encode()]
`

const skip = (process.platform !== 'linux' && 'systemd is for Linux') || skipWithout('3')
for (const kind of ['file', 'abstract'])
  test(`a service manager hears of start, restart and stop: ${kind} socket`, { skip }, async (t) => {
    const directory = temporaryDirectory(t)
    const address = kind === 'file' ? `${directory}/notify` : `@${directory}/notify`
    const manager = spawn(findPython('3')?.executable as string, ['-c', MANAGER, address], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => manager.kill())
    let told = ''
    manager.stdout.setEncoding('utf8').on('data', (text: string) => (told += text))
    const hears = (...states: string[]) =>
      until(
        `${states}`,
        () => assert.deepEqual(told.trim().split('\n'), ['listens', ...states]) === undefined,
      )
    await hears()
    await withServer(
      {
        env: { NOTIFY_SOCKET: address },
        conf: `WSGIDaemonProcess one
WSGIScriptAlias /daemon "\${ROOT}/apps/app.wsgi" process-group=one
WSGIScriptAlias /embedded "\${ROOT}/apps/app.wsgi"`,
        apps: { 'app.wsgi': APP },
      },
      async (server) => {
        await hears('READY')
        for (const place of ['/daemon', '/embedded'])
          assert.equal((await server.get(place)).text, 'none', 'it is none of an application’s business')
        await server.reload()
        await hears('READY', 'RELOADING', 'READY')
        server.write('httpd.conf', 'NoSuchDirective')
        server.signal('SIGUSR1')
        await hears('READY', 'RELOADING', 'READY', 'RELOADING', 'READY')
      },
    )
    await hears('READY', 'RELOADING', 'READY', 'RELOADING', 'READY', 'STOPPING')
  })

test('a watched server gives signs of life until it stops', { skip }, async (t) => {
  const address = `${temporaryDirectory(t)}/notify`
  const manager = spawn(findPython('3')?.executable as string, ['-c', MANAGER, address, 'whole'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => manager.kill())
  let told = ''
  manager.stdout.setEncoding('utf8').on('data', (text: string) => (told += text))
  const hears = (pattern: RegExp) => until(`${pattern}`, () => pattern.test(told))
  await hears(/listens/)
  await withServer(
    {
      env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: '100000' },
      conf: 'WSGIScriptAlias / "${ROOT}/apps/app.wsgi"',
      apps: { 'app.wsgi': APP.replace('NOTIFY_SOCKET', 'WATCHDOG_USEC') },
    },
    async (server) => {
      await hears(/^READY=1 .*WATCHDOG_USEC=100000 WATCHDOG=1\n(WATCHDOG=1\n){3}/m)
      assert.equal((await server.get('/')).text, 'none', 'it is none of an application’s business')
      await server.reload()
      await hears(
        /^RELOADING=1 .*WATCHDOG_USEC=300000000 WATCHDOG=1\n(WATCHDOG=1\n)*READY=1 .*WATCHDOG_USEC=100000 WATCHDOG=1\n(WATCHDOG=1\n){3}/m,
      )
    },
  )
  await hears(/^STOPPING=1 STATUS=Stopping.\n$/m)
})
