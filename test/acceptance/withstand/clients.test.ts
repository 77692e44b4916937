/**
 * Clients that go away, dawdle, send what nobody reads and ask for what they do not take: nobody else waits, no process grows, and the
 * application is told.
 */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { stopProcess } from '../../support/processes.js'
import { skipWithout } from '../../support/pythons.js'
import { type TestServer, withServer } from '../../support/server.js'
import { until } from '../../support/wait.js'
import { WELL, WELL_APP, WELL_FILES, whileOthersAnswer } from './meanwhile.js'
import { growthDuring } from './memory.js'

const MEGABYTE = 1024 * 1024
/** What garbage collectors and buffers may need for a while; far below what passes through. */
const GROWTH_MAX_MB = 96

const APPLICATION = `
import time

MEGABYTE = b'x' * (1 << 20)

def application(environ, start_response):
    place = environ['PATH_INFO']
    errors = environ['wsgi.errors']
    if place == '/read':
        if environ['QUERY_STRING']:
            errors.write('reads for %s\\n' % environ['QUERY_STRING'])
        try:
            body = environ['wsgi.input'].read()
        except OSError as error:
            errors.write('read failed: %s\\n' % error)
            raise
        return plain(start_response, b'read %d' % len(body))
    if place == '/ignore':
        return plain(start_response, b'not read')
    if place == '/gigabyte':
        start_response('200 OK', [('Content-Type', 'application/octet-stream'), ('Content-Length', str(1 << 30))])
        return Gigabyte(errors)
    if place == '/drip':
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return Drip(errors)
    return plain(start_response, b'here')

def plain(start_response, text):
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(text)))])
    return [text]

class Gigabyte(object):
    def __init__(self, errors):
        self.errors = errors
        self.sent = 0
    def __iter__(self):
        while self.sent < 1024:
            self.sent += 1
            yield MEGABYTE
    def close(self):
        self.errors.write('gigabyte closed after %d\\n' % self.sent)

class Drip(object):
    def __init__(self, errors):
        self.errors = errors
    def __iter__(self):
        for number in range(3000):
            yield b'drip\\n'
            time.sleep(0.01)
    def close(self):
        self.errors.write('drip closed\\n')
`

const MODES = {
  'daemon mode': `WSGIDaemonProcess clients threads=3
WSGIScriptAlias / "\${ROOT}/apps/clients.wsgi" process-group=clients application-group=%{GLOBAL}
`,
  'embedded mode': 'WSGIScriptAlias / "${ROOT}/apps/clients.wsgi" application-group=%{GLOBAL}\n',
}

describe('a client that', { skip: skipWithout('3'), concurrency: true }, () => {
  for (const [mode, mount] of Object.entries(MODES))
    test(`misbehaves in ${mode}`, async (t) => {
      const options = {
        conf: `${WELL}${mount}`,
        apps: { 'well.wsgi': WELL_APP, 'clients.wsgi': APPLICATION },
        files: WELL_FILES,
      }
      await withServer(options, async (server) => {
        const check = (name: string, trouble: (server: TestServer) => Promise<void>) =>
          t.test(name, () => whileOthersAnswer(server.port, () => trouble(server)))
        assert.equal((await server.get('/')).text, 'here')
        await t.test('goes away before it is accepted', () => leaveAtOnce(server))
        await check('goes away in the middle of its request', leaveWhileSending)
        await check('goes away in the middle of the response', leaveWhileReceiving)
        await check('sends a byte at a time', sendSlowly)
        await check('sends 100 MB that nobody reads', sendForNobody)
        await check('asks for a gigabyte and stops reading', stopReading)
        // More of them than there are threads: none of them holds one.
        await check('comes in numbers and stays silent', staySilent)
        assert.equal((await server.get('/')).text, 'here')
      })
    })
})

/** When the connection is accepted, nobody can tell any more where it came from. No access rule could be held against it. */
async function leaveAtOnce(server: TestServer): Promise<void> {
  const workers = server.processes().filter(({ command }) => command.includes('worker-main'))
  for (const { pid } of workers) await stopProcess(pid)
  try {
    const socket = await open(server)
    await new Promise((resolve) => socket.write('GET /marked HTTP/1.1\r\nHost: localhost\r\n\r\n', resolve))
    socket.resetAndDestroy()
    await new Promise((resolve) => socket.once('close', resolve))
  } finally {
    for (const { pid } of workers) process.kill(pid, 'SIGCONT')
  }
  for (let round = 0; round < 4; round++) assert.equal((await server.get('/')).text, 'here')
  assert.doesNotMatch(server.accessLog(), /marked/)
  assert.doesNotMatch(server.errorLog(), /\[client :0\]/)
}

async function leaveWhileSending(server: TestServer): Promise<void> {
  const socket = await open(server)
  socket.write(
    `POST /read?long HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(200_000)}`,
  )
  await server.waitForLog(/reads for long/)
  socket.resetAndDestroy()
  await server.waitForLog(/read failed: /)
}

async function leaveWhileReceiving(server: TestServer): Promise<void> {
  const socket = await open(server)
  socket.write('GET /drip HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await new Promise((resolve) => socket.once('data', resolve))
  socket.destroy()
  await server.waitForLog(/drip closed/)
  await server.waitForLog(/"GET \/drip HTTP\/1\.1" 200 /, 'access.log')
}

async function sendSlowly(server: TestServer): Promise<void> {
  const socket = await open(server)
  const answered = collect(socket)
  for (const byte of 'POST /read HTTP/1.1\r\n') {
    socket.write(byte)
    await sleep(50)
  }
  socket.write('Host: localhost\r\nConnection: close\r\nContent-Length: 5\r\n\r\n')
  for (const byte of 'abcde') {
    await sleep(300)
    socket.write(byte)
  }
  assert.match(await answered, /^HTTP\/1\.1 200 [\s\S]*read 5$/)
}

async function sendForNobody(server: TestServer): Promise<void> {
  const growth = await growthDuring(server, async () => {
    const socket = await open(server)
    const answered = collect(socket)
    socket.write(`POST /ignore HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${100 * MEGABYTE}\r\n\r\n`)
    const chunk = Buffer.alloc(MEGABYTE)
    // The server may take it all and drop it, or answer and close.
    for (let sent = 0; sent < 100 && !socket.destroyed && socket.writable; sent++)
      if (!socket.write(chunk))
        await new Promise<void>((resolve) => {
          socket.once('drain', resolve)
          socket.once('close', () => resolve())
        })
    socket.end()
    assert.match(await answered, /^HTTP\/1\.1 200 [\s\S]*not read$/)
  })
  assert.ok(growth.together < GROWTH_MAX_MB, `memory grew by ${growth.together} MB`)
}

async function stopReading(server: TestServer): Promise<void> {
  let socket: Socket | undefined
  const growth = await growthDuring(server, async () => {
    socket = await open(server)
    socket.write('GET /gigabyte HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const began = await new Promise<Buffer>((resolve) => socket?.once('data', resolve))
    assert.match(began.toString('latin1'), /^HTTP\/1\.1 200 /)
    socket.pause()
    await sleep(2000)
  })
  assert.ok(growth.together < GROWTH_MAX_MB, `memory grew by ${growth.together} MB`)
  socket?.destroy()
  const [, sent] = await server.waitForLog(/gigabyte closed after (\d+)/)
  assert.ok(Number(sent) < 100, `the application produced ${sent} MB for a client that takes none`)
}

async function staySilent(server: TestServer): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: 40 }, () => open(server)))
  for (const [index, socket] of sockets.entries())
    if (index % 2 === 0) socket.write('POST /read HTTP/1.1\r\nHost: localhost\r\n')
  for (let round = 0; round < 5; round++) assert.equal((await server.get('/')).text, 'here')
  for (const socket of sockets) socket.destroy()
}

function open(server: TestServer): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1', () => resolve(socket))
    socket.once('error', reject)
    // A reset while we are the ones who misbehave is no failure of the test.
    socket.on('error', () => {})
  })
}

/** All that comes until the connection is closed, or until a complete answer with Content-Length has come. */
async function collect(socket: Socket): Promise<string> {
  let received = ''
  let closed = false
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => (received += text))
  socket.once('close', () => (closed = true))
  await until('an answer', () => {
    const [, head, length, body] =
      /^([\s\S]*?Content-Length: (\d+)[\s\S]*?)\r\n\r\n([\s\S]*)$/i.exec(received) ?? []
    return closed || (head !== undefined && (body?.length ?? 0) >= Number(length))
  })
  socket.destroy()
  return received
}
