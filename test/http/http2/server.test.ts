/**
 * HTTP/2 on the real server: the same requests as over HTTP/1.1, flow control, and clients that mean ill.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { describe, test } from 'node:test'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../../support/certificates.js'
import { type ServerOptions, type TestServer, withServer } from '../../support/server.js'
import { until } from '../../support/wait.js'
import { END_HEADERS, END_STREAM, FrameClient, field, frame, requestFields, TYPE } from './frames.js'

const APP = `
import hashlib, time
def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/echo':
        length, digest = 0, hashlib.sha256()
        while True:
            piece = environ['wsgi.input'].read(65536)
            if not piece: break
            length += len(piece); digest.update(piece)
        body = ('%d %s' % (length, digest.hexdigest())).encode()
    elif path == '/large':
        start_response('200 OK', [('Content-Type', 'application/octet-stream')])
        return (b'x' * 65536 for _ in range(160))
    elif path == '/slow':
        time.sleep(0.5)
        body = b'slow'
    else:
        names = ('SERVER_PROTOCOL', 'HTTP_HOST', 'HTTP_COOKIE', 'HTTP2', 'REQUEST_METHOD', 'wsgi.url_scheme', 'HTTP_CONNECTION', 'QUERY_STRING')
        body = ''.join('%s=%s\\n' % (n, environ.get(n)) for n in names).encode('latin-1')
    start_response('200 Fine', [('Content-Type', 'text/plain'), ('X-Two', 'a'), ('X-Two', 'b'), ('Content-Length', str(len(body)))])
    return [body]
`

const OPTIONS: ServerOptions = {
  apps: { 'app.wsgi': APP },
  files: { 'htdocs/a.txt': 'a file', 'htdocs/big.txt': 'x'.repeat(3_000_000) },
  conf: `
Protocols h2c http/1.1
WSGIScriptAlias /app "\${ROOT}/apps/app.wsgi"
WSGIChunkedRequest On
KeepAliveTimeout 2
`,
}

interface Response {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly text: string
}

function read(stream: ClientHttp2Stream): Promise<Response> {
  return new Promise((resolve, reject) => {
    let headers: Record<string, unknown> = {}
    const chunks: Buffer[] = []
    stream.on('response', (fields) => {
      headers = fields
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', reject)
    stream.on('close', () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) reject(new Error(`stream closed: ${stream.rstCode}`))
      else resolve({ status: Number(headers[':status']), headers, text: Buffer.concat(chunks).toString() })
    })
  })
}

const get = (session: ClientHttp2Session, path: string, more = {}) =>
  read(session.request({ ':path': path, ':authority': 'localhost', ...more }))

async function withSession(
  server: TestServer,
  use: (session: ClientHttp2Session) => Promise<void>,
): Promise<void> {
  const session = connect(server.url(''))
  session.on('error', () => {})
  try {
    await use(session)
  } finally {
    session.destroy()
  }
}

test('requests over HTTP/2 are requests like others', async () => {
  await withServer(OPTIONS, async (server) => {
    await withSession(server, async (session) => {
      const file = await get(session, '/a.txt')
      assert.deepEqual([file.status, file.text], [200, 'a file'])
      assert.equal(file.headers.connection, undefined)
      assert.ok(file.headers.date)
      assert.equal(file.headers['content-length'], '6')

      const app = await get(session, '/app/x?q=1', { cookie: ['a=1', 'b=2'] })
      assert.equal(app.headers['x-two'], 'a, b')
      assert.equal(
        app.text,
        'SERVER_PROTOCOL=HTTP/2.0\nHTTP_HOST=localhost\nHTTP_COOKIE=a=1; b=2\nHTTP2=on\nREQUEST_METHOD=GET\n' +
          'wsgi.url_scheme=http\nHTTP_CONNECTION=None\nQUERY_STRING=q=1\n',
      )
      const head = await get(session, '/a.txt', { ':method': 'HEAD' })
      assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', '6'])
      assert.equal((await get(session, '/nowhere')).status, 404)
      assert.equal((await get(session, '/a.txt', { range: 'bytes=2-3' })).text, 'fi')
      assert.equal(
        (await get(session, '/a.txt', { ':authority': 'bad host' }).catch(() => ({ status: 400 }))).status,
        400,
      )
      assert.equal((await get(session, `/${'x'.repeat(9000)}`)).status, 414)
      const many = Object.fromEntries(Array.from({ length: 120 }, (_, at) => [`x-${at}`, 'v']))
      assert.equal((await get(session, '/a.txt', many)).status, 431)

      // many at once, whoever is slow
      const started = Array.from({ length: 40 }, (_, at) =>
        get(session, at % 10 === 0 ? '/app/slow' : '/a.txt'),
      )
      assert.deepEqual(new Set((await Promise.all(started)).map(({ status }) => status)), new Set([200]))
    })
    await server.waitForLog(/"GET \/app\/x\?q=1 HTTP\/2\.0" 200 \d+$/m, 'access.log')
    await server.waitForLog(/"HEAD \/a\.txt HTTP\/2\.0" 200 -$/m, 'access.log')
    // HTTP/1.1 on the same port
    assert.equal((await server.get('/a.txt')).text, 'a file')
  })
})

test('bodies in both directions, with length and without, however slow the other side', async () => {
  await withServer(OPTIONS, async (server) => {
    await withSession(server, async (session) => {
      const post = (body: Buffer, more = {}) => {
        const stream = session.request({
          ':path': '/app/echo',
          ':method': 'POST',
          ':authority': 'localhost',
          ...more,
        })
        stream.end(body)
        return read(stream)
      }
      const { createHash } = await import('node:crypto')
      for (const size of [0, 10, 70_000, 2_000_000]) {
        const body = Buffer.alloc(size, 'abcdefg')
        const expected = `${size} ${createHash('sha256').update(body).digest('hex')}`
        assert.equal((await post(body)).text, expected)
        assert.equal((await post(body, { 'content-length': size })).text, expected)
      }
      assert.equal((await get(session, '/app/large')).text.length, 160 * 65536)
      assert.equal((await get(session, '/big.txt')).text.length, 3_000_000)
      // an application that reads nothing of the body answers all the same
      assert.equal((await post(Buffer.alloc(1_000_000), { ':path': '/app/x' })).status, 200)
      // a client that reads nothing holds nobody up
      const stalled = session.request({ ':path': '/app/large', ':authority': 'localhost' })
      stalled.pause()
      assert.equal((await get(session, '/a.txt')).status, 200)
      stalled.close(constants.NGHTTP2_CANCEL)
      // ... and a request that is taken back ends its application's response
      await server.waitForLog(/GET \/app\/large HTTP\/2\.0" 200/, 'access.log')
    })
  })
})

test('idle connections are told goodbye, and a graceful restart lets streams end', async () => {
  await withServer(OPTIONS, async (server) => {
    const idle = new FrameClient(server.port)
    idle.send(frame(TYPE.headers, END_HEADERS | END_STREAM, 1, requestFields('/a.txt')))
    await idle.closed
    assert.equal(idle.goaway, constants.NGHTTP2_NO_ERROR)

    await withSession(server, async (session) => {
      const slow = get(session, '/app/slow')
      const gone = new Promise((resolve) => session.once('goaway', resolve))
      // the request must have arrived
      await get(session, '/a.txt')
      await server.reload()
      assert.equal((await slow).text, 'slow')
      await gone
    })
    await withSession(server, async (session) => assert.equal((await get(session, '/a.txt')).status, 200))
  })
})

test('a stream whose client neither reads nor sends is ended, and only it', async () => {
  await withServer({ ...OPTIONS, conf: `${OPTIONS.conf}\nH2StreamTimeout 1\n` }, async (server) => {
    await withSession(server, async (session) => {
      const stalled = session.request({ ':path': '/app/large', ':authority': 'localhost' })
      stalled.pause()
      const sending = session.request({ ':path': '/app/echo', ':method': 'POST', ':authority': 'localhost' })
      const ended = [stalled, sending].map(
        (stream) =>
          new Promise<number>((resolve) => {
            stream.on('error', () => {})
            stream.on('close', () => resolve(stream.rstCode ?? 0))
          }),
      )
      // `close` comes to who reads
      void server.waitForLog(/GET \/app\/large/, 'access.log').then(() => stalled.resume())
      sending.resume()
      assert.deepEqual(await Promise.all(ended), [constants.NGHTTP2_CANCEL, constants.NGHTTP2_CANCEL])
      assert.equal((await get(session, '/a.txt')).status, 200)
    })
  })
})

test('a body that comes too slowly ends its stream, and only it; trailers do not disturb', async () => {
  const conf = `${OPTIONS.conf}\nRequestReadTimeout body=1,MinRate=1000000\n`
  await withServer({ ...OPTIONS, conf }, async (server) => {
    await withSession(server, async (session) => {
      const more = { ':path': '/app/echo', ':method': 'POST', ':authority': 'localhost' }
      const sending = session.request(more)
      const answer = read(sending)
      let isAnswered = false
      void answer.then(() => {
        isAnswered = true
      })
      await until('the stream to be ended', async () => {
        if (!sending.destroyed && !sending.closed) sending.write('x')
        assert.equal((await get(session, '/a.txt')).status, 200)
        return isAnswered
      })
      assert.equal((await answer).status, 408)
      await server.waitForLog(/AH01382: Request body read timeout/)

      const withTrailers = session.request(more, { waitForTrailers: true } as object)
      withTrailers.on('wantTrailers', () => withTrailers.sendTrailers({ 'x-late': '1' }))
      withTrailers.end('abc')
      assert.match((await read(withTrailers)).text, /^3 /)
    })
  })
})

test('a client that does not read keeps memory flat, and holds no thread beyond its time', async () => {
  const conf = `
Protocols h2c http/1.1
ServerLimit 1
WSGIDaemonProcess one threads=1 response-socket-timeout=1
WSGIScriptAlias /app "\${ROOT}/apps/endless.wsgi" process-group=one application-group=%{GLOBAL}
`
  const endless = `
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    if environ['PATH_INFO'] == '/endless': return (b'x' * 65536 for _ in range(100000))
    return [b'free']
`
  await withServer({ apps: { 'endless.wsgi': endless }, conf }, async (server) => {
    await withSession(server, async (session) => {
      const stalled = session.request({ ':path': '/app/endless', ':authority': 'localhost' })
      stalled.on('error', () => {})
      stalled.pause()
      // 6 GB are on offer; the only thread is free again when the time is over
      assert.equal((await get(session, '/app/x')).text, 'free')
      await server.waitForLog(/WSGI0120: Timeout when writing response to client/)
      const status = `/proc/${await workerOf(server)}/status`
      if (existsSync(status)) {
        const kib = Number(/VmRSS:\s*(\d+)/.exec(readFileSync(status, 'utf8'))?.[1])
        assert.ok(kib < 400_000, `${kib} KiB`)
      }
      stalled.destroy()
    })
  })
})

/** The only server worker. */
async function workerOf(server: TestServer): Promise<string> {
  const [, pid = ''] = await server.waitForLog(/pid (\d+):tid \d+\] \[client .*WSGI0120/)
  return pid
}

/** What a client may try, and what it must not bring about. */
const FLOODS: { readonly name: string; readonly attack: (client: FrameClient, turn: number) => void }[] = [
  {
    name: 'requests that are taken back at once',
    attack(client, turn) {
      const frames: Buffer[] = []
      for (let at = 0; at < 50; at++) {
        const id = (turn * 50 + at) * 2 + 1
        frames.push(
          frame(TYPE.headers, END_HEADERS | END_STREAM, id, requestFields('/app/x')),
          frame(TYPE.rst, 0, id, Buffer.from([0, 0, 0, 8])),
        )
      }
      client.send(...frames)
    },
  },
  {
    name: 'CONTINUATION without end',
    attack(client, turn) {
      const more = frame(TYPE.continuation, 0, 1, field(`x-${turn}`, 'v'.repeat(1000)))
      client.send(
        ...(turn === 0 ? [frame(TYPE.headers, END_STREAM, 1, requestFields('/a.txt'))] : []),
        more,
        more,
      )
    },
  },
  {
    name: 'SETTINGS',
    attack: (client) =>
      client.send(...Array(50).fill(frame(TYPE.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100])))),
  },
  {
    name: 'PING',
    attack: (client) => client.send(...Array(50).fill(frame(TYPE.ping, 0, 0, Buffer.alloc(8)))),
  },
  {
    name: 'empty DATA',
    attack(client, turn) {
      if (turn === 0) client.send(frame(TYPE.headers, END_HEADERS, 1, requestFields('/app/echo', 'POST')))
      client.send(...Array(5000).fill(frame(TYPE.data, 0, 1)))
    },
  },
  {
    name: 'WINDOW_UPDATE and PRIORITY',
    attack(client) {
      const window = frame(TYPE.window, 0, 0, Buffer.from([0, 0, 0, 1]))
      const priority = frame(TYPE.priority, 0, 1, Buffer.from([0, 0, 0, 0, 1]))
      client.send(...Array(20_000).fill(Buffer.concat([window, priority])))
    },
  },
  {
    name: 'headers that unpack to much',
    attack(client, turn) {
      // one large field put into the table, then named again and again
      const put = Buffer.concat([Buffer.from([0x40]), field('x-large', 'v'.repeat(3900)).subarray(1)])
      const block = Buffer.concat([requestFields('/a.txt'), put, Buffer.alloc(4000, 0xbe)])
      client.send(frame(TYPE.headers, END_HEADERS | END_STREAM, turn * 2 + 1, block))
    },
  },
]

describe('floods are ended, and other clients served', () => {
  for (const { name, attack } of FLOODS)
    test(name, async () => {
      await withServer(OPTIONS, async (server) => {
        const client = new FrameClient(server.port)
        let turn = 0
        await withSession(server, async (session) => {
          await until('the connection to be ended', async () => {
            if (!client.isClosed) attack(client, turn++)
            assert.equal((await get(session, '/a.txt')).text, 'a file')
            return client.isClosed
          })
        })
      })
    })
})

describe('with the usual clients', { skip: skipWithoutOpenssl }, () => {
  const TLS: ServerOptions = {
    ...OPTIONS,
    prepare: ({ root }) => {
      makeAuthority(root)
      makeCertificate(root, 'localhost')
    },
    conf: `
Listen 127.0.0.1:\${PORT2} https
WSGIScriptAlias /app "\${ROOT}/apps/app.wsgi"
<VirtualHost *:\${PORT2}>
  ServerName localhost
  SSLEngine on
  SSLCertificateFile localhost.crt
  SSLCertificateKeyFile localhost.key
  Protocols h2 http/1.1
</VirtualHost>`,
  }
  const has = (program: string) => spawnSync(program, ['--version']).status === 0

  test('curl over TLS negotiates HTTP/2, and HTTP/1.1 where it asks for it', {
    skip: !has('curl') && 'no curl',
  }, async () => {
    await withServer(TLS, async (server) => {
      const port = server.layout.ports[1]
      const curl = (...words: string[]) =>
        execFileSync(
          'curl',
          [...['-s', '--cacert', 'ca.crt', '--resolve', `localhost:${port}:127.0.0.1`], ...words],
          { cwd: server.root, encoding: 'utf8' },
        )
      const version = ['-o', 'out', '-w', '%{http_version} %{response_code}']
      assert.equal(curl('--http2', ...version, `https://localhost:${port}/a.txt`), '2 200')
      assert.equal(curl('--http1.1', ...version, `https://localhost:${port}/a.txt`), '1.1 200')
      assert.match(
        curl('--http2', '--tls-max', '1.2', `https://localhost:${port}/app/x`),
        /SERVER_PROTOCOL=HTTP\/2\.0[^]*wsgi\.url_scheme=https/,
      )
    })
  })

  test('a connection that one host has opened serves another where both have the same certificate, else 421', async () => {
    const host = (name: string, certificate: string) => `
<VirtualHost *:\${PORT2}>
  ServerName ${name}
  SSLEngine on
  SSLCertificateFile ${certificate}.crt
  SSLCertificateKeyFile ${certificate}.key
  Protocols h2 http/1.1
</VirtualHost>`
    const options: ServerOptions = {
      ...TLS,
      prepare: ({ root }) => {
        makeAuthority(root)
        makeCertificate(root, 'shared', { names: 'DNS:one.example,DNS:two.example' })
        makeCertificate(root, 'other', { names: 'DNS:other.example' })
      },
      conf: `
Listen 127.0.0.1:\${PORT2} https
${host('one.example', 'shared')}
${host('two.example', 'shared')}
${host('other.example', 'other')}`,
    }
    await withServer(options, async (server) => {
      const session = connect(`https://127.0.0.1:${server.layout.ports[1]}`, {
        ca: readFileSync(`${server.root}/ca.crt`),
        servername: 'one.example',
        checkServerIdentity: () => undefined,
      })
      session.on('error', () => {})
      try {
        const status = async (authority: string) =>
          (await get(session, '/a.txt', { ':authority': authority })).status
        assert.equal(await status('one.example'), 200)
        assert.equal(await status('two.example'), 200)
        assert.equal(await status('other.example'), 421)
        assert.equal(await status('one.example'), 200, 'the connection serves on')
      } finally {
        session.destroy()
      }
      await server.waitForLog(
        /AH02032: Hostname one\.example provided via SNI and hostname other\.example provided via HTTP/,
      )
    })
  })

  test('h2load gets all its answers', { skip: !has('h2load') && 'no h2load' }, async () => {
    await withServer(TLS, async (server) => {
      const words = ['-n', '600', '-c', '4', '-m', '20', `https://localhost:${server.layout.ports[1]}/a.txt`]
      const output = execFileSync('h2load', words, { encoding: 'utf8' })
      assert.match(output, /600 succeeded, 0 failed/)
      assert.match(output, /600 2xx/)
    })
  })
})
