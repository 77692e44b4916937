/** Connections that are taken before Node makes sockets of them, on a real listening socket. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { connect as connectSecurely, createSecureContext, type TLSSocket } from 'node:tls'
import { handshakeDone, offerConnections, type RawConnection, shakeHands } from '../../src/tls/handles.js'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../support/certificates.js'
import { until } from '../support/wait.js'

interface Listening {
  readonly port: number
  /** How many connections the server counts as its own. */
  count(): Promise<number>
  /** Resolves when it has closed, which it does when it has no connections. */
  close(): Promise<void>
}

/** A server that offers its connections to `take`, and gives sockets of the others to `accept`. */
async function listen(
  take: (connection: RawConnection) => boolean,
  accept: (socket: Socket) => void = () => assert.fail('a socket was made'),
): Promise<Listening> {
  const server = createServer({ allowHalfOpen: true }, accept)
  offerConnections(server, take)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    count: () => new Promise((resolve) => server.getConnections((_, count) => resolve(count))),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** What is read from that port after `text` was sent, until the connection ends. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const client = connect(port, '127.0.0.1', () => client.write(text))
    client.setEncoding('latin1')
    client.on('data', (piece) => {
      answer += piece
    })
    client.on('error', () => {})
    client.on('close', () => resolve(answer))
  })
}

test('a plain socket begins with what was read before it was made', async () => {
  const ends: (string | number | undefined)[] = []
  const server = await listen((connection) => {
    ends.push(connection.localAddress, connection.localPort, connection.remoteAddress)
    connection.read((bytes) => {
      assert.equal(String(bytes), 'first')
      const socket = connection.plain(bytes as Buffer)
      assert.equal(socket.remotePort, connection.remotePort)
      socket.setEncoding('latin1')
      socket.once('data', (piece) => socket.end(`<${piece}>`))
    })
    return true
  })
  assert.equal(await exchange(server.port, 'first'), '<first>')
  assert.deepEqual(ends, ['127.0.0.1', server.port, '127.0.0.1'])
  await server.close()
})

test('what is not taken becomes a socket', async () => {
  const server = await listen(
    () => false,
    (socket) => socket.end('a socket'),
  )
  assert.equal(await exchange(server.port, ''), 'a socket')
  await server.close()
})

test('a server waits for connections without a socket, and for no more than those', async () => {
  const taken: RawConnection[] = []
  const server = await listen((connection) => {
    taken.push(connection)
    connection.read((bytes) => {
      if (bytes === undefined) connection.close()
    })
    return true
  })
  const clients = [connect(server.port, '127.0.0.1'), connect(server.port, '127.0.0.1')]
  await until('both connections', () => taken.length === 2)
  assert.equal(await server.count(), 2)
  let isClosed = false
  const closed = server.close().then(() => {
    isClosed = true
  })
  clients[0]?.destroy()
  await until('the end of one', async () => (await server.count()) === 1)
  assert.equal(isClosed, false)
  taken[1]?.close()
  await closed
})

describe('with a certificate', { skip: skipWithoutOpenssl }, () => {
  /** A server that shakes hands and says hello. */
  async function withSecure(
    use: (port: number, sockets: TLSSocket[], server: Listening) => Promise<void>,
  ): Promise<void> {
    const root = mkdtempSync(path.join(tmpdir(), 'handles-'))
    try {
      makeAuthority(root)
      makeCertificate(root, 'a.example')
      const read = (kind: string) => readFileSync(path.join(root, `a.example.${kind}`))
      const secureContext = createSecureContext({ cert: read('crt'), key: read('key') })
      const sockets: TLSSocket[] = []
      const server = await listen((connection) => {
        connection.read((bytes) => {
          const socket = connection.secure({ isServer: true, secureContext })
          assert.ok(socket !== undefined)
          sockets.push(socket)
          socket.on('error', () => {})
          socket.once('secure', () => {
            handshakeDone(socket)
            socket.setEncoding('latin1')
            socket.on('data', (piece) => socket.write(piece))
          })
          shakeHands(socket, bytes as Buffer)
        })
        return true
      })
      await use(server.port, sockets, server)
      await server.close()
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  }

  test('the handshake is made without a socket below, and bytes go both ways in any number', async () => {
    await withSecure(async (port, sockets, server) => {
      const text = 'x'.repeat(300_000)
      const answer = await new Promise<string>((resolve, reject) => {
        let got = ''
        const client = connectSecurely({ port, host: '127.0.0.1', rejectUnauthorized: false }, () =>
          client.write(text),
        )
        client.setEncoding('latin1')
        client.on('error', reject)
        client.on('data', (piece) => {
          got += piece
          if (got.length >= text.length) client.end(() => resolve(got))
        })
      })
      assert.equal(answer, text)
      const [socket] = sockets
      assert.ok(socket?.encrypted)
      assert.equal((socket as { _parent?: unknown })._parent, null)
      await until('the end of the connection', async () => (await server.count()) === 0)
    })
  })

  test('a client that breaks off or breaks the protocol leaves nothing behind', async () => {
    await withSecure(async (port, sockets, server) => {
      // a ClientHello whose lengths are right and whose contents are not
      const broken = Buffer.concat([Buffer.from('160301002e0100002a0303', 'hex'), Buffer.alloc(40)])
      const answer = await exchange(port, broken.toString('latin1'))
      assert.equal(answer.charCodeAt(0), 0x15, 'an alert')
      const client = connect(port, '127.0.0.1', () => client.write(Buffer.from('1603010200', 'hex')))
      client.on('error', () => {})
      await until('both handshakes', () => sockets.length === 2)
      client.destroy()
      await until('the end of both connections', async () => (await server.count()) === 0)
      assert.ok(sockets.every(({ destroyed }) => destroyed))
    })
  })
})
