/** A process that others are forked from and that tells of them what is not so: it runs other people's code. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { test } from 'node:test'
import { Zygote } from '../../src/server/zygote.js'
import { killChildOf, kinship } from '../../src/system/child-of.js'
import { findPython } from '../support/pythons.js'
import { until } from '../support/wait.js'

const python = findPython('3')?.executable
const options = { skip: process.platform !== 'linux' ? 'Linux only' : !python && 'needs Python 3' }

/** Reads its settings, says that it is ready, and goes on when it has its first child's descriptors. */
const PROGRAM = `
import array, json, os, signal, socket, sys, time
control = socket.socket(fileno=3)
control.setblocking(True)
def tell(**message): control.sendall(json.dumps(message).encode() + b'\\n')
rest = b''
while b'\\n' not in rest: rest += control.recv(65536)
tell(type='zygote_ready')
got = 0
while got < 3: got += len(control.recvmsg(1, socket.CMSG_SPACE(4))[1])
`

function start(program: string, ...words: string[]) {
  const said: string[] = []
  const zygote = new Zygote({
    command: [python as string, '-c', PROGRAM + program, ...words],
    environment: {},
    stderr: () => 'pipe',
    uid: process.geteuid?.() as number,
    settings: {
      mode: 'daemon',
      process_group: 'g',
      threads: 1,
      processes: 1,
      multiprocess: false,
      multithread: true,
      server_version: [0, 0, 0],
      server_software: '',
    },
    log: (_, text) => void said.push(text),
  })
  const nowhere = () => openSync('/dev/null', 'r+')
  const child = zygote.fork([nowhere(), nowhere(), nowhere()])
  const gone = new Promise((resolve) => child.once('exit', (...exit) => resolve(exit)))
  return { zygote, child, gone, said }
}

test('a process that is not its child gets no signal, and ends its pretender', options, async () => {
  const victim = spawn('sleep', ['1000'], { stdio: 'ignore' })
  try {
    const { zygote, child, gone, said } = start(
      `tell(type='forked', pid=int(sys.argv[1]))\ntime.sleep(1000)\n`,
      String(victim.pid),
    )
    await gone
    child.kill('SIGKILL')
    await zygote.gone
    assert.deepEqual(said, [`It calls process ${victim.pid} its child, which it is not, and is killed.`])
    assert.equal(child.pid, 0)
    assert.equal(
      kinship(victim.pid as number, { parent: process.pid, uid: process.geteuid?.() as number }),
      'child',
    )
    assert.equal(victim.signalCode, null)
  } finally {
    victim.kill('SIGKILL')
    await once(victim, 'exit')
  }
})

test(
  'the end of a child that is killed need not be told: it ends with what it was forked from',
  options,
  async () => {
    const { zygote, child, gone, said } = start(`
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
pid = os.fork()
if pid: tell(type='forked', pid=pid)
time.sleep(1000)
`)
    const pid = await until('a child', () => child.pid || undefined)
    const origin = { parent: zygote.pid, uid: process.geteuid?.() as number }
    assert.equal(kinship(pid, origin), 'child')
    child.kill('SIGKILL')
    await until('its end', () => kinship(pid, origin) !== 'child')
    assert.deepEqual(await gone, [null, 'SIGKILL'])
    await zygote.gone
    assert.deepEqual(said, [])
  },
)

test('one child cannot stand for two', options, async () => {
  const { zygote, child, gone, said } = start(`
pid = os.fork()
if pid: tell(type='forked', pid=pid), tell(type='forked', pid=pid)
time.sleep(1000)
`)
  const nowhere = () => openSync('/dev/null', 'r+')
  zygote.fork([nowhere(), nowhere(), nowhere()])
  await gone
  assert.notEqual(child.pid, 0)
  assert.match(said.join(), /It calls process \d+ its child, which it is not, and is killed\./)
  await zygote.gone
  process.kill(child.pid, 'SIGKILL')
})

test('processes of that parent and that user alone get the signal', options, async () => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  const pid = child.pid as number
  const [parent, uid] = [process.pid, process.geteuid?.() as number]
  for (const origin of [
    { parent: process.ppid, uid },
    { parent, uid: uid + 1 },
  ]) {
    assert.equal(kinship(pid, origin), 'other')
    killChildOf(origin, pid, 'SIGKILL')
  }
  assert.equal(kinship(pid, { parent, uid }), 'child')
  killChildOf({ parent, uid }, pid, 'SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGTERM'])
  assert.equal(kinship(pid, { parent, uid }), 'gone')
  killChildOf({ parent, uid }, pid, 'SIGTERM')
})
