/** Bodies that stream in either direction, and clients that go away or stand still. */
import assert from 'node:assert/strict'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { AnyRequest, MountedApplication } from '../../src/index.js'
import { skipWithout } from '../support/pythons.js'
import { until } from '../support/wait.js'
import { type Service, withService } from './support.js'

const skip = skipWithout('3')

const SCRIPT = `
import os, time
HERE = os.path.dirname(__file__)
def note(text):
    with open(os.path.join(HERE, 'notes'), 'a') as file:
        file.write(text + '\\n')
def application(environ, start_response):
    what = environ['PATH_INFO']
    headers = [('Content-Type', 'application/octet-stream')]
    stream = environ['wsgi.input']
    if what == '/echo':
        start_response('200 OK', headers)
        return iter(lambda: stream.read(30000), b'')
    if what == '/count':
        total = 0
        while True:
            piece = stream.read(65536)
            if not piece:
                break
            total += len(piece)
        start_response('200 OK', headers)
        return [str(total).encode()]
    if what == '/read':
        note('reads')
        try:
            stream.read()
        except OSError:
            note('broken body')
        start_response('200 OK', headers)
        return []
    if what == '/endless':
        def blocks():
            try:
                while True:
                    yield b'x' * 65536
            finally:
                note('closed')
        start_response('200 OK', headers)
        return blocks()
    if what == '/slow':
        def pieces():
            for number in range(3):
                yield b'piece %d ' % number
                while not os.path.exists(os.path.join(HERE, 'go%d' % number)):
                    time.sleep(0.01)
        start_response('200 OK', headers)
        return pieces()
    if what == '/file':
        start_response('200 OK', headers)
        return environ['wsgi.file_wrapper'](open(os.path.join(HERE, 'large'), 'rb'))
    start_response('200 OK', headers)
    return [b'quick']
`

const notes = (service: Service) =>
  until('notes', async () => (await import('node:fs')).readFileSync(`${service.directory}/notes`, 'utf8'))

/** Opens a request, and answers with its response once the header is there. */
function open(service: Service, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port: service.port, path, agent: false }, resolve)
      .on('error', reject)
      .end()
  })
}

test('large bodies in both directions at once', { skip }, async () => {
  await withService({ script: SCRIPT, limitRequestBody: 0 }, async (service) => {
    const body = Buffer.alloc(5_000_000, 'abcdefghij')
    const answer = await service.get('/echo', { method: 'POST', body })
    assert.ok(answer.bytes.equals(body))
    const counted = await service.get('/count', { method: 'POST', body })
    assert.equal(counted.text, '5000000')
  })
})

test('a file that the application hands over', { skip }, async () => {
  await withService({ script: SCRIPT, files: { large: 'line\n'.repeat(500_000) } }, async (service) => {
    assert.equal((await service.get('/file')).bytes.length, 2_500_000)
  })
})

test('a block is with the client before the next one is made', { skip }, async () => {
  await withService({ script: SCRIPT }, async (service) => {
    const response = await open(service, '/slow')
    response.setEncoding('latin1')
    let text = ''
    response.on('data', (piece) => (text += piece))
    for (const number of [0, 1, 2]) {
      await until(`piece ${number}`, () => text.includes(`piece ${number}`))
      assert.ok(!text.includes(`piece ${number + 1}`))
      service.write(`go${number}`, '')
    }
    await until('the end', () => response.complete)
  })
})

test('a client that goes away ends the application’s response', { skip }, async () => {
  await withService({ script: SCRIPT, threads: 1 }, async (service) => {
    const response = await open(service, '/endless')
    response.on('error', () => {})
    response.destroy()
    assert.match(await notes(service), /closed/)
    await until('the request to be over', () => service.app.status().active === 0)
    // the one thread is free
    assert.equal((await service.get('/')).text, 'quick')
  })
})

test('a client that reads nothing holds the application back, and is given up after socketTimeout', {
  skip,
}, async () => {
  await withService({ script: SCRIPT, threads: 1, socketTimeout: 1 }, async (service) => {
    const socket = connect(service.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n')
    socket.pause()
    assert.match(await notes(service), /closed/)
    await until('the request to be over', () => service.app.status().active === 0)
    // whoever looks first says so
    await service.untilLogged(/The timeout specified has expired|WSGI0120: Timeout when writing response/)
    socket.destroy()
    assert.equal((await service.get('/')).text, 'quick')
  })
})

test('a request whose body breaks off', { skip }, async () => {
  await withService({ script: SCRIPT, threads: 1 }, async (service) => {
    const socket = connect(service.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\nsome')
    await until('the application to read', async () => (await notes(service)).includes('reads'))
    socket.destroy()
    await until('the application to know', async () => (await notes(service)).includes('broken body'))
    assert.equal((await service.get('/')).text, 'quick')
  })
})

test('a body that is too large: its rest is thrown away, and the connection goes on', { skip }, async () => {
  await withService({ script: SCRIPT, limitRequestBody: 100_000 }, async (service) => {
    const socket = connect(service.port, '127.0.0.1')
    let told = ''
    socket.setEncoding('latin1').on('data', (piece) => (told += piece))
    const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`
    socket.write('POST /count HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
    socket.write(chunk.repeat(4))
    await until('the refusal', () => told.startsWith('HTTP/1.1 413 '))
    socket.write(`${chunk.repeat(100)}0\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await until('the next response', () => told.includes('quick'))
    socket.end()
    await new Promise((resolve) => service.server.close(resolve))
  })
})

test('a service that answers by itself, or breaks off, while the application runs', { skip }, async () => {
  const listener = (app: MountedApplication) => (request: AnyRequest, response: ServerResponse) => {
    app.handler(request, response)
    if (request.headers['x-service'] === 'answers') response.writeHead(503).end('too late')
    if (request.headers['x-service'] === 'begins') response.write('begun')
    if (request.headers['x-service'] === 'breaks') response.destroy()
    if (request.headers['x-service'] === 'breaks later')
      setImmediate(function wait() {
        if (response.headersSent) response.destroy()
        else setImmediate(wait)
      })
  }
  await withService({ script: SCRIPT, threads: 1, listener }, async (service) => {
    const told = (what: string, place = '/') => service.get(place, { headers: { 'X-Service': what } })
    const answer = await told('answers', '/endless')
    assert.equal(answer.status, 503)
    assert.equal(answer.text, 'too late')
    await assert.rejects(told('breaks', '/endless'))
    await assert.rejects(told('breaks later', '/endless'))
    await assert.rejects(service.get('/', { headers: { 'X-Service': 'begins' }, timeoutMs: 500 }))
    await until('the requests to be over', () => service.app.status().active === 0)
    assert.equal((await service.get('/')).text, 'quick')
  })
})
