/** What a service manager is told: `Type=notify` of systemd. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { notificationOf } from '../../src/server/service-manager.js'
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

/** What systemd is for a service: prints the state of each datagram. */
const MANAGER = `
import socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
manager.bind(chr(0) + name[1:] if name.startswith('@') else name)
print('listens', flush=True)
while True:
    print(manager.recv(65536).decode().split('STATUS=')[0].split('=1')[0], flush=True)
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
