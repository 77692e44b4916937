import assert from 'node:assert/strict'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import type { Outcome } from '../../src/modules/module.js'
import { brokenBodyStatus, readBody } from '../../src/request/body.js'
import { acceptAlongside, drain } from '../../src/request/http-server.js'
import type { Request } from '../../src/request/request.js'
import { openBody, sendWhole } from '../../src/request/response.js'
import { raw } from '../support/http.js'
import { until } from '../support/wait.js'
import { hooksOf, withFront } from './front.js'

const FILES = { 'a.txt': 'hello' }

/** A client that can be asked what it has received. */
class Client {
  received = ''
  closed = false
  readonly socket: Socket

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.setEncoding('latin1')
    this.socket.on('data', (text: string) => {
      this.received += text
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.closed = true
    })
  }

  /** Sends, and waits until what comes back matches; takes that away. */
  async ask(bytes: string, expected: RegExp): Promise<string> {
    this.socket.write(Buffer.from(bytes, 'latin1'))
    await until('the expected', () => expected.test(this.received) || this.closed)
    const answer = this.received
    assert.match(answer, expected)
    this.received = ''
    return answer
  }

  async end(): Promise<void> {
    this.socket.destroy()
    await until('the expected', () => this.closed)
  }
}

const get = (more = '', version = '1.1') => `GET /a.txt HTTP/${version}\r\nHost: a\r\n${more}\r\n`
const HELLO = /\r\n\r\nhello$/

test('kept connections are announced only to who asked by name', async () => {
  await withFront('', { files: FILES }, async ({ port }) => {
    const client = new Client(port)
    assert.doesNotMatch(await client.ask(get(), HELLO), /Connection|Keep-Alive/)
    const asked = await client.ask(get('Connection: keep-alive\r\n'), HELLO)
    assert.match(asked, /\r\nKeep-Alive: timeout=5, max=99\r\nConnection: Keep-Alive\r\n/)
    const old = await client.ask(get('Connection: keep-alive\r\n', '1.0'), HELLO)
    assert.match(old, /^HTTP\/1\.1 200 OK[^]*\r\nConnection: Keep-Alive\r\n/)
    assert.match(await client.ask(get('', '1.0'), HELLO), /\r\nConnection: close\r\n/)
    await until('the expected', () => client.closed)
  })
})

test('MaxKeepAliveRequests n serves n+1 requests', async () => {
  await withFront('MaxKeepAliveRequests 2', { files: FILES }, async ({ port }) => {
    const client = new Client(port)
    const ask = () => client.ask(get('Connection: keep-alive\r\n'), HELLO)
    assert.match(await ask(), /max=2/)
    assert.match(await ask(), /max=1/)
    assert.match(await ask(), /\r\nConnection: close\r\n/)
    await until('the expected', () => client.closed)
  })
})

test('KeepAlive Off closes, KeepAliveTimeout closes what is idle', async () => {
  await withFront('KeepAlive Off', { files: FILES }, async ({ port }) => {
    assert.match(await raw(port, get()), /\r\nConnection: close\r\n/)
  })
  await withFront('KeepAliveTimeout 100ms', { files: FILES }, async ({ port }) => {
    assert.match(await raw(port, get('Connection: keep-alive\r\n')), /\r\nKeep-Alive: timeout=0, max=100\r\n/)
  })
})

test('a client that sends nothing, or half a header, gets 408', async () => {
  await withFront('RequestReadTimeout header=1', { files: FILES }, async ({ port, ended }) => {
    const [half, nothing] = await Promise.all([raw(port, 'GET /a.txt HTTP/1.1\r\nHo'), raw(port, '')])
    assert.match(half, /^HTTP\/1\.1 408 /)
    assert.match(nothing, /^HTTP\/1\.1 408 /)
    assert.deepEqual(ended.map((request) => request.requestLine).sort(), ['-', 'GET /a.txt HTTP/1.1'])
  })
})

test('a body that does not arrive ends the request', async () => {
  const reading = hooksOf({
    handler: (request) =>
      new Promise<Outcome>((resolve) =>
        readBody(request, {
          onData() {},
          onEnd: () => resolve(200),
          onFault: () => resolve(brokenBodyStatus(request)),
        }),
      ),
  })
  await withFront('RequestReadTimeout body=1', { modules: [reading] }, async ({ port, records, ended }) => {
    const answer = await raw(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab')
    assert.match(answer, /^HTTP\/1\.1 408 [^]*\r\nConnection: close\r\n/)
    await until('the expected', () => ended.length === 1)
    assert.ok(
      records.some((record) => record.includes('AH01382')),
      records.join(),
    )
  })
})

test('100 Continue is sent when the body is read, and not before a refusal', async () => {
  const echo = hooksOf({
    handler: (request) => {
      if (request.path !== '/echo') return undefined
      return new Promise<Outcome>((resolve) => {
        let body = ''
        readBody(request, {
          onData: (chunk) => {
            body += chunk
          },
          onEnd: () => {
            sendWhole(request, body)
            resolve('done')
          },
          onFault: () => resolve(413),
        })
      })
    },
  })
  await withFront('LimitRequestBody 100', { modules: [echo] }, async ({ port }) => {
    const post = (path: string, length = 3) =>
      `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
    const client = new Client(port)
    await client.ask(post('/echo'), /^HTTP\/1\.1 100 Continue\r\n\r\n$/)
    await client.ask('abc', /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nabc$/)
    await client.end()
    const refused = new Client(port)
    assert.match(
      await refused.ask(post('/nope'), /<\/html>/),
      /^HTTP\/1\.1 404 [^]*\r\nConnection: close\r\n/,
    )
    await until('the expected', () => refused.closed)
    assert.match(await raw(port, post('/echo', 101)), /^HTTP\/1\.1 413 /)
  })
})

test('LimitRequestBody also ends a body without declared length', async () => {
  const reading = hooksOf({
    handler: (request) =>
      new Promise<Outcome>((resolve) =>
        readBody(request, { onData() {}, onEnd: () => resolve(404), onFault: () => resolve(413) }),
      ),
  })
  await withFront('LimitRequestBody 4', { modules: [reading] }, async ({ port }) => {
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    assert.match(await raw(port, `${head}5\r\nabcde\r\n0\r\n\r\n`), /^HTTP\/1\.1 413 /)
  })
})

test('a client in the middle of a large body still reads the refusal', async () => {
  await withFront('', {}, async ({ port }) => {
    const body = Buffer.alloc(8 * 1024 * 1024, 120)
    const head = `POST /nope HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`
    const answer = await raw(port, Buffer.concat([Buffer.from(head), body]))
    assert.match(answer, /^HTTP\/1\.1 404 [^]*<\/html>\n$/)
  })
})

test('requests that do not wait for answers are answered in order, a broken one after them', async () => {
  const slow = hooksOf({
    handler: (request) => {
      if (request.path !== '/slow') return undefined
      return new Promise<Outcome>((resolve) =>
        setTimeout(() => {
          sendWhole(request, 'slow')
          resolve('done')
        }, 30),
      )
    },
  })
  await withFront('', { files: FILES, modules: [slow] }, async ({ port, ended }) => {
    const answer = await raw(port, `GET /slow HTTP/1.1\r\nHost: a\r\n\r\n${get()}garbage\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 200 [^]*slowHTTP\/1\.1 200 [^]*helloHTTP\/1\.1 400 /)
    await until('the expected', () => ended.length === 3)
  })
})

interface Written {
  readonly request: Request
  readonly close: Promise<void>
}

function streaming(write: (request: Request) => void): {
  module: ReturnType<typeof hooksOf>
  seen: Written[]
} {
  const seen: Written[] = []
  const module = hooksOf({
    handler: (request) => {
      const close = new Promise<void>((resolve) => request.outgoing.onOver(resolve))
      seen.push({ request, close })
      write(request)
      return 'done'
    },
  })
  return { module, seen }
}

test('a body without length is chunked, and ends the connection in HTTP/1.0', async () => {
  const { module } = streaming((request) => {
    const body = openBody(request)
    body.write('ab')
    body.write(Buffer.from('cd'))
    body.end()
  })
  await withFront('', { modules: [module] }, async ({ port }) => {
    assert.match(
      await raw(port, get('Connection: close\r\n')),
      /Transfer-Encoding: chunked\r\n[^]*2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n$/,
    )
    const old = await raw(port, get('Connection: keep-alive\r\n', '1.0'))
    assert.match(old, /\r\n\r\nabcd$/)
    assert.doesNotMatch(old, /Transfer-Encoding|Content-Length/)
  })
})

test('what is more than the declared length is not sent, what is less breaks the connection', async () => {
  const more = streaming((request) => {
    request.headersOut.set('Content-Length', '3')
    const body = openBody(request, 3)
    body.write('abcdef')
    body.end()
  })
  await withFront('', { modules: [more.module] }, async ({ port }) => {
    assert.match(await raw(port, get('Connection: close\r\n')), /\r\n\r\nabc$/)
  })
  const less = streaming((request) => {
    const body = openBody(request, 9)
    body.write('abc')
    body.end()
  })
  await withFront('', { modules: [less.module] }, async ({ port, ended, records }) => {
    assert.match(await raw(port, get()), /Content-Length: 9\r\n(?:[^]*\r\n)?\r\nabc$/)
    await until('the expected', () => ended.length === 1)
    assert.equal(ended[0]?.cut, true)
    assert.ok(records.some((record) => record.includes('WSGH0003')))
  })
})

test('a body cut by the application ends without its last chunk', async () => {
  const cut = streaming((request) => {
    const body = openBody(request)
    body.write('abc')
    body.cut()
  })
  await withFront('', { modules: [cut.module] }, async ({ port, ended }) => {
    const answer = await raw(port, get())
    assert.match(answer, /3\r\nabc\r\n$/)
    await until('the expected', () => ended.length === 1)
    assert.equal(ended[0]?.cut, true)
  })
})

test('HEAD, 204 and 304 have no body, whatever is written', async () => {
  const empty = hooksOf({
    handler: (request) => {
      request.status = request.path === '/' ? 200 : Number(request.path.slice(1))
      request.headersOut.set('Content-Type', 'text/plain')
      const body = openBody(request, 5)
      body.write('hello')
      body.end()
      return 'done'
    },
  })
  await withFront('', { modules: [empty] }, async ({ port, ended }) => {
    const tail = ' HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
    assert.match(await raw(port, `HEAD /${tail}`), /Content-Length: 5\r\n[^]*\r\n\r\n$/)
    for (const status of [204, 304]) {
      const answer = await raw(port, `GET /${status}${tail}`)
      assert.match(answer, /\r\n\r\n$/)
      assert.doesNotMatch(answer, /Content-Length|Transfer-Encoding/)
    }
    await until('the expected', () => ended.length === 3)
    assert.deepEqual(
      ended.map(({ bytesSent }) => bytesSent),
      [0, 0, 0],
    )
  })
})

test('a response cannot be split, and a header that would is a 500', async () => {
  const splitting = hooksOf({
    handler: (request) => {
      request.headersOut.set('X', 'a\r\nSet-Cookie: b')
      sendWhole(request, 'hello')
      return 'done'
    },
  })
  await withFront('', { modules: [splitting] }, async ({ port, records }) => {
    const answer = await raw(port, get())
    assert.match(answer, /^HTTP\/1\.1 500 /)
    assert.doesNotMatch(answer, /Set-Cookie/)
    assert.ok(records.some((record) => record.includes('WSGH0004')))
  })
})

test('a client that goes away is seen, and its request logged once', async () => {
  const waiting = streaming((request) => void openBody(request).write('a'))
  await withFront('', { modules: [waiting.module] }, async ({ port, ended }) => {
    const client = new Client(port)
    await client.ask(get(), /\r\na\r\n$/)
    await client.end()
    await until('the expected', () => ended.length > 0)
    assert.equal(ended.length, 1)
    assert.equal(ended[0]?.connection.aborted, true)
    await waiting.seen[0]?.close
  })
})

test('requests sent without waiting are begun one after the other', async () => {
  const running: Request[] = []
  const answers: (() => void)[] = []
  const slow = hooksOf({
    handler: (request) =>
      new Promise<Outcome>((resolve) => {
        running.push(request)
        answers.push(() => {
          sendWhole(request, request.query ?? '')
          resolve('done')
        })
      }),
  })
  await withFront('', { modules: [slow] }, async ({ port, ended }) => {
    const client = new Client(port)
    const ask = (query: string) => `GET /?${query} HTTP/1.1\r\nHost: a\r\n\r\n`
    client.socket.write(ask('one') + ask('two') + ask('three') + ask('four'))
    await until('the first', () => running.length === 1)
    assert.equal(running.length, 1)
    answers[0]?.()
    await until('the second', () => running.length === 2)
    await until('the first answer', () => /\r\n\r\none$/.test(client.received))
    answers[1]?.()
    await until('the third', () => running.length === 3)
    // who has asked for everything may close that side
    client.socket.end()
    answers[2]?.()
    await until('the fourth', () => running.length === 4)
    assert.match(client.received, /\r\n\r\nthree$/)
    answers[3]?.()
    await until('the fourth to be logged', () => ended.length === 4)
    assert.equal(ended[3]?.connection.aborted, false)
    await until('the end', () => client.received.endsWith('\r\n\r\nfour'))
  })
})

test('a kept connection goes on after requests that were sent without waiting', async () => {
  await withFront('', { files: FILES }, async ({ port }) => {
    const client = new Client(port)
    await client.ask(get() + get() + get(), /hello[^]*hello[^]*hello$/)
    await client.ask(get(), HELLO)
    const body = 'x'.repeat(50_000)
    const post = `POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    await client.ask(post + post + get(), /hello[^]*hello[^]*hello$/)
    await client.end()
  })
})

test('a draining server answers what is on its way and tells kept connections to close', async () => {
  await withFront('KeepAliveTimeout 1500ms', { files: FILES }, async ({ port, server }) => {
    const busy = new Client(port)
    const idle = new Client(port)
    await busy.ask(get(), HELLO)
    await idle.ask(get(), HELLO)
    const drained = drain(server)
    assert.match(await busy.ask(get(), HELLO), /\r\nConnection: close\r\n/)
    await drained
    await until('the expected', () => busy.closed && idle.closed)
    await assert.rejects(raw(port, get()))
  })
})

test('a server that accepts alongside another serves the same hosts and is drained with it', async () => {
  await withFront('KeepAliveTimeout 1500ms', { files: FILES }, async ({ server }) => {
    const another = acceptAlongside(server)
    await new Promise<void>((resolve) => another.listen(0, '127.0.0.1', resolve))
    const client = new Client((another.address() as AddressInfo).port)
    await client.ask(get(), HELLO)
    const drained = drain(server)
    assert.match(await client.ask(get(), HELLO), /\r\nConnection: close\r\n/)
    await drained
    assert.equal(another.listening, false)
    await until('the expected', () => client.closed)
  })
})

test('the last response arrives whole, whatever the client does meanwhile', async () => {
  const files = { 'a.txt': 'x'.repeat(3_000_000) }
  const last = get('Connection: close\r\n')
  await withFront('', { files }, async ({ port, ended }) => {
    for (const sent of [last, last + get(), `${last}\r\n`, get('', '1.0')]) {
      const client = new Client(port)
      client.socket.pause()
      client.socket.write(sent)
      const before = ended.length
      // what the kernel does not take waits for the client
      await until('the beginning', () => client.socket.bytesRead > 0 || ended.length > before)
      client.socket.resume()
      await until('the end', () => client.closed)
      assert.equal(client.received.split('\r\n\r\n')[1]?.length, 3_000_000, sent)
    }
    assert.equal(ended.length, 4)
  })
})

test('a client of HTTP/1.0 that sends on still gets its answer', async () => {
  await withFront('', { files: FILES }, async ({ port, ended }) => {
    const client = new Client(port)
    client.socket.pause()
    client.socket.write(get('', '1.0'))
    await until('the answer', () => ended.length === 1)
    // a reset in return would take back what the client has not read yet
    await new Promise((resolve) => client.socket.write(get('', '1.0'), resolve))
    await new Promise((resolve) => client.socket.write(get('', '1.0'), resolve))
    client.socket.resume()
    await until('the end', () => client.closed)
    assert.match(client.received, HELLO)
    assert.equal(ended.length, 1)
  })
})

test('a hook that throws is a 500 in the log, and the server goes on', async () => {
  const failing = hooksOf({
    fixups: (request) => {
      if (request.path === '/now') throw new Error('at once')
      if (request.path === '/later') return Promise.reject(new Error('later'))
      return undefined
    },
  })
  await withFront('', { files: FILES, modules: [failing] }, async ({ port, records }) => {
    for (const path of ['/now', '/later'])
      assert.match(await raw(port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`), /^HTTP\/1\.1 500 /)
    assert.match(await raw(port, get('Connection: close\r\n')), HELLO)
    assert.equal(records.filter((record) => record.includes('WSGH0001')).length, 2)
  })
})

test('writing to a client that is gone harms nobody', async () => {
  const late = streaming((request) => {
    const body = openBody(request)
    body.write('a')
    request.outgoing.onOver(() => {
      body.write('b')
      body.end()
      sendWhole(request, 'c')
    })
  })
  await withFront('', { modules: [late.module] }, async ({ port, ended }) => {
    const client = new Client(port)
    await client.ask(get(), /\r\na\r\n$/)
    await client.end()
    await until('the request to end', () => ended.length === 1)
  })
})

test('Timeout ends a response that the client does not read', async () => {
  const endless = streaming((request) => {
    const body = openBody(request)
    const more = () => {
      while (body.write(Buffer.alloc(65536)));
    }
    body.onDrain(more)
    more()
  })
  await withFront('Timeout 1', { modules: [endless.module] }, async ({ port, ended, records }) => {
    const client = new Client(port)
    client.socket.pause()
    client.socket.write(get())
    await until('the request to end', () => ended.length === 1)
    assert.ok(records.some((record) => record.includes('WSGH0010')))
    await client.end()
  })
})

test('Timeout does not end a request whose handler takes its time', async () => {
  const slow = hooksOf({
    handler: (request) =>
      new Promise<Outcome>((resolve) =>
        setTimeout(() => {
          sendWhole(request, 'late')
          resolve('done')
        }, 2200),
      ),
  })
  const conf = 'Timeout 1\nKeepAliveTimeout 1\nRequestReadTimeout header=1 body=1'
  await withFront(conf, { modules: [slow] }, async ({ port }) => {
    assert.match(await raw(port, get('Connection: close\r\n')), /\r\n\r\nlate$/)
  })
})

test('limits and names are those of the virtual host asked for', async () => {
  const conf = `<VirtualHost *:*>
ServerName one
LimitRequestLine 40
StrictHostCheck On
</VirtualHost>
<VirtualHost *:*>
ServerName two
</VirtualHost>`
  await withFront(conf, { files: FILES }, async ({ port, ended }) => {
    const ask = (host: string, more = '') =>
      raw(port, `GET /a.txt${more} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    assert.match(await ask('one'), /^HTTP\/1\.1 200 /)
    assert.match(await ask('one', `?${'x'.repeat(40)}`), /^HTTP\/1\.1 414 /)
    assert.match(await ask('two', `?${'x'.repeat(40)}`), /^HTTP\/1\.1 200 /)
    assert.match(await ask('three'), /^HTTP\/1\.1 400 /)
    await until('all to be logged', () => ended.length === 4)
    assert.deepEqual(
      ended.map(({ server, hostname }) => [server.index, hostname]),
      [
        [1, 'one'],
        [1, 'one'],
        [2, 'two'],
        [1, 'three'],
      ],
    )
  })
})

test('the host of an absolute target replaces the Host field', async () => {
  await withFront('', { files: FILES }, async ({ port, ended }) => {
    await raw(port, 'GET http://B:81/a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await until('the request to be logged', () => ended.length === 1)
    assert.equal(ended[0]?.headersIn.get('host'), 'B:81')
    assert.equal(ended[0]?.hostname, 'b')
    assert.equal(ended[0]?.hostPort, 81)
  })
})

test('a fault while logging is logged, and the connection goes on', async () => {
  const failing = hooksOf({
    logTransaction: () => {
      throw new Error('no paper')
    },
  })
  await withFront('', { files: FILES, modules: [failing] }, async ({ port, records }) => {
    const client = new Client(port)
    await client.ask(get(), HELLO)
    await client.ask(get(), HELLO)
    await client.end()
    assert.equal(records.filter((record) => record.includes('WSGH0009')).length, 2)
  })
})

test('many requests sent ahead by a client that does not read yet: every answer, in order', async () => {
  const COUNT = 3000
  const echo = hooksOf({
    handler: (request): Outcome => {
      sendWhole(request, `<${request.path}>${'.'.repeat(8000)}`)
      return 'done'
    },
  })
  await withFront('MaxKeepAliveRequests 0', { modules: [echo] }, async ({ port }) => {
    const socket = connect(port, '127.0.0.1')
    socket.setEncoding('latin1')
    let received = ''
    for (let at = 0; at < COUNT; at++) socket.write(`GET /${at} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await new Promise((resolve) =>
      socket.write('GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', resolve),
    )
    socket.on('data', (text: string) => {
      received += text
    })
    await until('the end', () => socket.destroyed)
    const paths = [...received.matchAll(/<\/([^>]+)>/g)].map(([, path]) => path)
    assert.equal(paths.length, COUNT + 1)
    paths.forEach((path, at) => {
      assert.equal(path, at === COUNT ? 'last' : String(at))
    })
  })
})
