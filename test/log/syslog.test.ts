/** Records as datagrams, received by a socket of our own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { openLogs } from '../../src/log/logs.js'
import { syslogPacket } from '../../src/log/syslog.js'
import { makeSite, temporaryDirectory } from './support.js'

test('the packet', () => {
  const now = new Date(2026, 10, 2, 9, 5, 7)
  assert.equal(
    syslogPacket('local7', 'web', 'error', 'text', now),
    `<187>Nov  2 09:05:07 web[${process.pid}]: text`,
  )
  // trace levels are debug to syslog
  assert.ok(syslogPacket('user', 'web', 'trace8', 'text', now).startsWith('<15>'))
})

/** Node cannot receive them; Python can. Prints each datagram on a line. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    print(s.recv(65536).decode("latin-1"), flush=True)
`

test('records reach the log socket without the time of ours; those of a missing one are counted', {
  skip: !existsSync('/usr/bin/python3') && 'needs python3 to receive',
}, async (t) => {
  const root = temporaryDirectory(t)
  const socket = join(root, 's')
  const site = makeSite(root, 'ErrorLog syslog:user:web')
  const logs = openLogs(site, { syslogSocket: socket })
  const log = logs.errorLogFor(site.main)
  log.server('core', 'error', 'nobody listens')

  const receiver = spawn('/usr/bin/python3', ['-c', RECEIVER, socket, '3'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => receiver.kill())
  const lines: string[] = []
  const reader = createInterface({ input: receiver.stdout })
  reader.on('line', (line) => lines.push(line))
  await once(reader, 'line')
  log.server('core', 'error', 'one', 'AH1')
  log.server('core', 'notice', 'two\nsame')
  await once(receiver, 'exit')
  logs.close()

  assert.match(
    lines[1] ?? '',
    /^<11>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d web\[\d+\]: \[core:error\] \[pid \d+:tid \d+\] AH1: one$/,
  )
  assert.ok(
    lines.some((line) => line.includes('1 log line(s) for syslog:user were lost: No such file or directory')),
    lines.join('\n'),
  )
  assert.ok(
    lines.some((line) => line.startsWith('<13>') && line.endsWith('] two\\nsame')),
    lines.join('\n'),
  )
})
