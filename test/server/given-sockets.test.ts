/** Socket activation: listening sockets from a service manager. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { closeSync, existsSync, readdirSync, readlinkSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { inetAddress } from '../../src/server/addresses.js'
import { assignSockets, findGivenSockets, type GivenSocket } from '../../src/server/given-sockets.js'
import { Listeners } from '../../src/server/listeners.js'
import { takeServiceVariables } from '../../src/system/service-variables.js'
import { bind, C, listen, openSocket } from '../../src/system/sockets.js'
import { AF_UNIX, unixAddress } from '../../src/system/unix-address.js'
import { temporaryDirectory } from '../log/support.js'
import { ask } from '../support/http.js'
import { skipWithout } from '../support/pythons.js'
import { LAUNCHER, Layout, shell, type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const at = (host: string, port: number) => ({ host, port, protocol: undefined })
const given = (fd: number, host: string, port: number, isDualStack = false): GivenSocket => ({
  fd,
  name: '',
  address: inetAddress(host, port),
  port,
  isDualStack,
})

test('which Listen takes which socket', () => {
  const v4 = given(3, '127.0.0.1', 80)
  const v6 = given(4, '::1', 80)
  const all = given(5, '::', 80, true)
  const all6 = given(6, '::', 80)
  const taken = (wanted: [string, number][], sockets: GivenSocket[]) => {
    const addresses = wanted.map(([host, port]) => at(host, port))
    const assigned = assignSockets(addresses, sockets)
    return addresses.map((address) => (assigned.get(address) ?? []).map(({ fd }) => fd))
  }
  assert.deepEqual(taken([['127.0.0.1', 80]], [v4]), [[3]])
  assert.deepEqual(taken([['127.0.0.1', 81]], [v4]), [[]], 'another port')
  assert.deepEqual(taken([['127.0.0.2', 80]], [v4]), [[]], 'another address')
  assert.deepEqual(taken([['0:0:0:0:0:0:0:1', 80]], [v4, v6]), [[4]], 'the same address in other words')
  assert.deepEqual(taken([['', 80]], [v4]), [[3]], 'a port without address takes what there is')
  assert.deepEqual(taken([['', 80]], [v4, v6]), [[3, 4]], 'all of it')
  assert.deepEqual(taken([['', 80], ['::1', 80]], [v4, v6]), [[3], [4]], 'what another names is not meant') // biome-ignore format: pairs
  assert.deepEqual(taken([['0.0.0.0', 80]], [all]), [[5]], 'what ListenStream=80 makes')
  assert.deepEqual(taken([['0.0.0.0', 80]], [all6]), [[]])
  assert.deepEqual(taken([['127.0.0.1', 80]], [all]), [[]], 'nothing is opened to all that was meant for one')
})

test('sockets are for the process that the variables name', () => {
  const warnings: string[] = []
  const found = (LISTEN_PID: string, LISTEN_FDS: string) =>
    findGivenSockets({ LISTEN_PID, LISTEN_FDS }, (text) => warnings.push(text))
  const own = String(process.pid)
  assert.deepEqual(found(`${process.pid + 1}`, '1'), [])
  assert.deepEqual(found('', '1'), [])
  assert.deepEqual(found(own, '0'), [])
  assert.deepEqual(warnings, [])
  assert.deepEqual(found(own, '-1'), [])
  assert.deepEqual(warnings, [
    "LISTEN_FDS is '-1', not a number of sockets: none is taken from the service manager",
  ])
})

test('the variables of a service manager are taken out of the environment', () => {
  const environment = { LISTEN_PID: '7', LISTEN_FDNAMES: 'a', WATCHDOG_USEC: '1', PATH: '/bin' }
  const taken = takeServiceVariables(environment)
  assert.deepEqual(taken, { LISTEN_PID: '7', LISTEN_FDNAMES: 'a', WATCHDOG_USEC: '1' })
  assert.deepEqual(environment, { PATH: '/bin' })
})

const APP = `
import os
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [' '.join(sorted(name for name in os.environ if name.startswith('LISTEN_'))).encode()]
`
const CONF = `WSGIDaemonProcess one
WSGIScriptAlias /daemon "\${ROOT}/apps/app.wsgi" process-group=one
WSGIScriptAlias /embedded "\${ROOT}/apps/app.wsgi"
`
/** A log program that shows what it was started with. */
const LOGGER = 'env > "${ROOT}/env.txt"; exec cat > /dev/null'

/** A service manager's part: it listens, and never accepts. */
class Manager {
  readonly #listeners = new Listeners()

  constructor(t: TestContext) {
    t.after(() => this.#listeners.close())
  }

  open(...addresses: [host: string, port: number][]): number[] {
    const wanted = addresses.map(([host, port]) => at(host, port))
    return this.#listeners.prepare(wanted, 16).map(({ fd }) => fd)
  }
}

/** `socket:[INODE]` of a descriptor of this process. */
const socketName = (fd: number) => readlinkSync(`/proc/self/fd/${fd}`)

/** Whether a process has this socket. */
function hasSocket(pid: number, name: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === name
    } catch {
      return false // closed meanwhile
    }
  })
}

describe('a server that is given sockets', {
  skip: (process.platform !== 'linux' && 'systemd is for Linux') || skipWithout('3'),
}, () => {
  test('uses them through restarts, and tells nobody else of them', async (t) => {
    const manager = new Manager(t)
    const sockets: number[] = []
    const env = { LISTEN_FDNAMES: 'main:idle.socket' }
    await withServer(
      {
        env,
        // the usual Listen of the preamble is PORT, on 127.0.0.1
        conf: `Listen 127.0.0.1:\${PORT2}\nCustomLog "|/bin/sh \${ROOT}/logger.sh" common\n${CONF}# \${PORT3}`,
        apps: { 'app.wsgi': APP },
        files: { 'logger.sh': LOGGER },
        sockets: ({ ports: [first = 0, , third = 0] }) => {
          sockets.splice(0, 2, ...manager.open(['127.0.0.1', first], ['127.0.0.1', third]))
          return sockets
        },
      },
      async (server) => {
        const [, second = 0, third = 0] = server.layout.ports
        const [used = '', idle = ''] = sockets.map(socketName)
        const serves = async (port: number) => {
          for (const place of ['/daemon', '/embedded'])
            assert.equal((await server.get(place, { port })).text, '', 'no variable is left')
        }
        await serves(server.port)
        await serves(second)
        await server.waitForLog(
          new RegExp(`core:warn.* No Listen directive is for 127.0.0.1:${third} \\(idle\\.socket\\)`),
        )
        await until('the log program', () => server.layout.read('env.txt').includes('PATH='))
        assert.doesNotMatch(server.layout.read('env.txt'), /LISTEN_/)

        const holders = (name: string) =>
          server.processes().filter(({ pid, command }) => {
            const isWorker = command.includes('worker-main')
            return hasSocket(pid, name) && !(name === used && isWorker)
          })
        assert.ok(server.processes().some(({ pid }) => hasSocket(pid, used)))
        assert.deepEqual([...holders(used), ...holders(idle)], [])
        assert.ok(hasSocket(server.pid, used), 'it stays with the supervisor')

        for (const signal of ['SIGUSR1', 'SIGHUP'] as const) {
          await server.reload(signal)
          await serves(server.port)
        }
        server.write('httpd.conf', `Listen 127.0.0.1:\${PORT3}\n${CONF}`)
        await server.reload()
        await serves(server.port)
        await serves(third)
        assert.ok(hasSocket(server.pid, idle))
      },
    )
  })

  test('leaves them open when it stops: who connects meanwhile is answered by the next server', async (t) => {
    const manager = new Manager(t)
    let sockets: number[] = []
    let port = 0
    const run = (use: (server: TestServer) => Promise<void>) =>
      withServer(
        {
          files: { 'htdocs/index.html': 'here' },
          sockets: (layout) => {
            if (sockets.length === 0) {
              port = layout.ports[0] as number
              sockets = manager.open(['127.0.0.1', port])
            } else layout.write('httpd.conf', `Listen 127.0.0.1:${port}`)
            return sockets
          },
        },
        use,
      )
    await run(async () => assert.equal((await ask(port, '/')).text, 'here'))
    const socket = await new Promise<Socket>((resolve, reject) => {
      const between = connect(port, '127.0.0.1', () => resolve(between))
      between.once('error', reject)
    })
    let answer = ''
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text))
    socket.write('GET / HTTP/1.0\r\n\r\n')
    await run(async () => {
      await until('an answer', () => answer.endsWith('here'))
    })
    socket.destroy()
  })

  test('says what it cannot use', async (t) => {
    const directory = temporaryDirectory(t)
    const local = openSocket(AF_UNIX, C.SOCK_STREAM)
    bind(local, unixAddress(Buffer.from(`${directory}/socket`)))
    listen(local, 1)
    const datagrams = openSocket(C.AF_INET, C.SOCK_DGRAM)
    bind(datagrams, inetAddress('127.0.0.1', 0))
    t.after(() => [local, datagrams].forEach((fd) => void closeSync(fd)))
    await withServer(
      {
        env: { LISTEN_FDNAMES: 'local:udp' },
        sockets: () => [local, datagrams],
      },
      async (server) => {
        await server.get('/')
        server.signal('SIGTERM')
        const { stderr } = await server.stopped()
        assert.match(
          stderr,
          /^Descriptor 3 \(local\) from the service manager is not used: it is not a TCP socket, and Listen knows no others$/m,
        )
        assert.match(
          stderr,
          /^Descriptor 4 \(udp\) from the service manager is not used: it is not a listening socket/m,
        )
        assert.ok(existsSync(`${directory}/socket`), 'it is not ours to remove')
      },
    )
  })

  test('says that it uses none in the background', async (t) => {
    const manager = new Manager(t)
    const layout = await Layout.make({})
    t.after(() => layout.remove())
    const [fd = 0] = manager.open(['127.0.0.1', layout.ports[0] as number])
    // the background server has another process id: it binds, and the address is taken
    const [program = '', ...words] = shell('export LISTEN_PID=$$ LISTEN_FDS=1')
    const child = spawn(program, [...words, process.execPath, LAUNCHER, ...layout.arguments()], {
      stdio: ['ignore', 'ignore', 'pipe', fd],
    })
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const code = await new Promise((resolve) => child.once('close', resolve))
    assert.match(
      stderr,
      /^Sockets from the service manager are not used: that takes a server in the foreground \(-DFOREGROUND\)\.\n\(98\)Address already in use: AH00072/,
    )
    assert.equal(code, 1)
  })
})

const ACTIVATE = ['/usr/bin/systemd-socket-activate', '/bin/systemd-socket-activate'].find((file) =>
  existsSync(file),
)

test('a server that systemd-socket-activate starts', {
  skip: ACTIVATE === undefined && 'needs systemd-socket-activate',
}, async () => {
  let first: Promise<string> | undefined
  await withServer(
    {
      python: 'none',
      files: { 'htdocs/index.html': 'here' },
      through: [ACTIVATE as string, '--listen=127.0.0.1:${PORT}', '--fdname=web'],
      // it starts a server when somebody connects
      prepare: ({ ports: [port = 0] }) => {
        first = until('an answer', async () => (await ask(port, '/')).text)
        first.catch(() => {})
      },
    },
    async (server) => {
      assert.equal(await first, 'here')
      await server.reload()
      assert.equal((await server.get('/')).text, 'here')
      assert.doesNotMatch(server.errorLog(), /service manager/)
    },
  )
})
