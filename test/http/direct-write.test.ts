/**
 * Ends of responses that go to the kernel beside the socket's stream, on real connections: in the way of the Node that runs this, and in that of Node 26,
 * whose handles make the objects for what is left themselves.
 */
import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import type { DirectWriter } from '../../src/http/http1/direct-write.js'
import { until } from '../support/wait.js'

/** More than all buffers on the way to a client that does not read, in pieces of {@link PIECE}. */
const PIECES_MAX = 10_000
const PIECE = 16 * 1024

interface Pair {
  readonly near: Socket
  readonly far: Socket
  readonly writer: DirectWriter
  /** How often the writer has said that the kernel has all. */
  readonly done: () => number
}

interface Handle {
  writeLatin1String(request: object | null, text: string): number | object
  readonly writeQueueSize: number
}

const handleOf = (socket: Socket) => (socket as unknown as { _handle: Handle })._handle

/** What is known of Node's handles is kept in the module: each way has one of its own. */
const WAYS = {
  'as this Node does it': {
    module: '../../src/http/http1/direct-write.js',
    /** The first write of a process goes through the stream, and shows what is needed. */
    show: (near: Socket) => new Promise<unknown>((resolve) => near.write('hello\n', 'latin1', resolve)),
  },
  'with requests that handles make': {
    module: '../../src/http/http1/direct-write.js?made',
    show: async (near: Socket) => {
      assert.equal(handleOf(near).writeLatin1String(null, 'hello\n'), 0)
    },
  },
}

/** Node's class of write requests, where its streams make them. */
async function requestClass(): Promise<(new () => object) | undefined> {
  const listener = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const socket = connect((listener.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  const handle = handleOf(socket)
  const write = handle.writeLatin1String.bind(handle)
  const made = await new Promise<object | null>((resolve) => {
    handle.writeLatin1String = (request, text) => {
      resolve(request)
      return write(request, text)
    }
    socket.write('hello', 'latin1')
  })
  socket.destroy()
  listener.close()
  return (made?.constructor ?? undefined) as (new () => object) | undefined
}

/** Turns a handle of an earlier Node into one that makes the requests for what is left. */
function makesRequests(handle: Handle, RequestOf: new () => object): void {
  const write = handle.writeLatin1String.bind(handle)
  handle.writeLatin1String = (_, text) => {
    const request = new RequestOf()
    const result = write(request, text)
    return result === 0 && handle.writeQueueSize > 0 ? request : result
  }
}

for (const [name, way] of Object.entries(WAYS))
  describe(name, async () => {
    const { DirectWriter } = (await import(
      way.module
    )) as typeof import('../../src/http/http1/direct-write.js')
    const RequestOf = way.module.endsWith('?made') ? await requestClass() : undefined

    async function withPair(use: (pair: Pair) => Promise<void>): Promise<void> {
      const listener = createServer()
      await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
      const accepted = new Promise<Socket>((resolve) => listener.once('connection', resolve))
      const far = connect((listener.address() as AddressInfo).port, '127.0.0.1')
      far.on('error', () => {})
      const near = await accepted
      near.on('error', () => {})
      if (RequestOf !== undefined) makesRequests(handleOf(near), RequestOf)
      let done = 0
      const writer = DirectWriter.of(near, () => done++)
      assert.ok(writer !== undefined)
      if (writer.write('hello\n')) await until('the first word', () => done === 1)
      else await way.show(near)
      assert.ok(writer.write(''), 'this Node has handles that are not known')
      await until('the writer to be done', () => !writer.waits)
      try {
        await use({ near, far, writer, done: () => done })
      } finally {
        near.destroy()
        far.destroy()
        listener.close()
      }
    }

    /** Writes until the kernel does not take all. Returns the text that was written. */
    async function fill({ writer, done }: Pair): Promise<string> {
      let text = ''
      for (let at = 0; at < PIECES_MAX && !writer.waits; at++) {
        const before = done()
        const piece = `${at} `.padEnd(PIECE, '.')
        assert.ok(writer.write(piece))
        text += piece
        assert.equal(done(), before, 'never during the write itself')
        // the turn's writes are made, and what the kernel has taken at once is done
        await new Promise((resolve) => setImmediate(resolve))
        assert.equal(done(), writer.waits ? before : before + 1)
      }
      assert.ok(writer.waits)
      return text
    }

    test('the responses of one turn go out one after the other, and only then what follows each', async () => {
      await withPair(async (first) => {
        await withPair(async (second) => {
          const order: string[] = []
          const watch = (pair: Pair, name: string) => {
            const handle = handleOf(pair.near)
            const write = handle.writeLatin1String.bind(handle)
            handle.writeLatin1String = (...of) => {
              order.push(`write ${name}`)
              return write(...of)
            }
            return DirectWriter.of(pair.near, () => order.push(`done ${name}`)) as DirectWriter
          }
          const writers = [watch(first, 'a'), watch(second, 'b')]
          for (const writer of writers) assert.ok(writer.write('text'))
          assert.deepEqual(order, [], 'nothing during the turn')
          for (const writer of writers)
            assert.equal(writer.write('more'), false, 'nor anything that overtakes it')
          await new Promise((resolve) => setImmediate(resolve))
          assert.deepEqual(order, ['write a', 'write b', 'done a', 'done b'])
        })
      })
    })

    test('what the kernel does not take at once goes out when the client reads, in order', async () => {
      await withPair(async (pair) => {
        const { far, near, writer, done } = pair
        far.pause()
        const before = done()
        const text = await fill(pair)
        assert.equal(writer.write('more'), false, 'nothing may overtake it')
        const finished = done()
        let received = ''
        far.setEncoding('latin1').on('data', (piece: string) => {
          received += piece
        })
        far.resume()
        await until('the rest to be taken', () => !writer.waits)
        assert.equal(done(), finished + 1)
        assert.ok(done() > before)
        assert.ok(writer.write('last'))
        await until('all of it', () => received.endsWith('last'))
        assert.equal(received.replace('hello\n', ''), `${text}last`)
        near.end()
        await until('the end', () => far.readableEnded)
      })
    })

    test('an empty text is done in its turn', async () => {
      await withPair(async ({ writer, done }) => {
        const before = done()
        assert.ok(writer.write(''))
        assert.equal(done(), before)
        await until('the word that it is done', () => done() === before + 1)
      })
    })

    test('a client that goes ends the waiting, and the socket', async () => {
      await withPair(async (pair) => {
        const { far, near, done } = pair
        far.pause()
        await fill(pair)
        const finished = done()
        far.resetAndDestroy()
        await until('the socket to be closed', () => near.destroyed)
        assert.equal(done(), finished)
        assert.equal(pair.writer.write('more'), false)
      })
    })

    test('what waits in the stream, is corked or over is not overtaken', async () => {
      await withPair(async ({ near, writer }) => {
        near.cork()
        near.write('before')
        assert.equal(writer.write('after'), false)
        near.uncork()
        near.end()
        assert.equal(writer.write('after'), false)
      })
    })
  })

test('a first connection that closes without a word does not keep the others from it', async () => {
  const { DirectWriter } = (await import(
    `${'../../src/http/http1/direct-write.js'}?probed`
  )) as typeof import('../../src/http/http1/direct-write.js')
  const listener = createServer()
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const accept = async () => {
    const accepted = new Promise<Socket>((resolve) => listener.once('connection', resolve))
    const far = connect((listener.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
    const near = (await accepted).on('error', () => {})
    return { near, far, writer: DirectWriter.of(near, () => {}) }
  }
  const probe = await accept()
  probe.near.destroy()
  const { near, far, writer } = await accept()
  try {
    assert.equal(writer?.write('unknown'), false)
    await new Promise<unknown>((resolve) => near.write('hello', 'latin1', resolve))
    assert.ok(writer?.write('known'))
    await until('the word', () => !writer.waits)
  } finally {
    for (const socket of [near, far, probe.far]) socket.destroy()
    listener.close()
  }
})
