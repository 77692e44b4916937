/** Writers of log text on real files, pipes and devices. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, readSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { BACKLOG_CHARACTERS, DescriptorSink, type DropReport, openFileSink } from '../../src/log/sink.js'
import { native, setCloseOnExec, setWaiting } from '../../src/system/libc.js'
import { until } from '../support/wait.js'
import { temporaryDirectory, turn } from './support.js'

type Dropped = Parameters<DropReport>[0]

test('lines of one turn are written together, those of a later one after them', async (t) => {
  const path = join(temporaryDirectory(t), 'log')
  const sink = openFileSink(path, () => {})
  sink.write('a\n')
  sink.write('caf\xe9\n')
  assert.equal(readFileSync(path, 'latin1'), '')
  await turn()
  assert.equal(readFileSync(path, 'latin1'), 'a\ncaf\xe9\n')
  sink.write('b\n')
  sink.close()
  sink.write('too late\n')
  assert.equal(readFileSync(path, 'latin1'), 'a\ncaf\xe9\nb\n')
})

test('much text is written before the turn ends', (t) => {
  const path = join(temporaryDirectory(t), 'log')
  const sink = openFileSink(path, () => {})
  const line = `${'x'.repeat(999)}\n`
  for (let count = 0; count < 40; count++) sink.write(line)
  assert.ok(readFileSync(path).length >= 32_000)
  sink.close()
  assert.equal(readFileSync(path).length, 40_000)
})

test('existing files are appended to', (t) => {
  const path = join(temporaryDirectory(t), 'log')
  for (const text of ['one\n', 'two\n']) {
    const sink = openFileSink(path, () => {})
    sink.write(text)
    sink.close()
  }
  assert.equal(readFileSync(path, 'latin1'), 'one\ntwo\n')
})

test('a file that has been opened anew gets what has gathered', async (t) => {
  const path = join(temporaryDirectory(t), 'log')
  const sink = openFileSink(path, () => {}) as DescriptorSink
  sink.write('a\n')
  await turn()
  sink.write('b\n')
  renameSync(path, `${path}.1`)
  sink.goOnIn(openSync(path, 'a'))
  sink.write('c\n')
  sink.close()
  assert.deepEqual(
    [`${path}.1`, path].map((file) => readFileSync(file, 'latin1')),
    ['a\n', 'b\nc\n'],
  )
  sink.goOnIn(openSync(path, 'a'))
  sink.write('closed\n')
  assert.equal(readFileSync(path, 'latin1'), 'b\nc\n')
})

test('a full disk loses lines, which is told at the first of them, and their number when it can write again', {
  skip: process.platform !== 'linux' && 'needs /dev/full',
}, () => {
  const reports: Dropped[] = []
  const fd = openSync('/dev/full', 'w')
  const sink = new DescriptorSink({
    fd,
    name: 'full',
    isPipe: false,
    owned: true,
    onDropped: (dropped) => reports.push(dropped),
  })
  sink.write('1\n2\n')
  sink.flush()
  sink.write('3\n')
  sink.flush()
  assert.equal(sink.droppedLines, 3)
  assert.equal(reports.length, 1)
  assert.equal(reports[0]?.lines, undefined)
  assert.match(reports[0]?.reason ?? '', /ENOSPC/)
  // the same descriptor on a disk with room again
  closeSync(fd)
  assert.equal(openSync('/dev/null', 'w'), fd)
  sink.write('4\n')
  sink.flush()
  assert.equal(sink.droppedLines, 0)
  assert.equal(reports.length, 2)
  assert.equal(reports[1]?.lines, 3)
  assert.match(reports[1]?.reason ?? '', /ENOSPC/)
  sink.close()
})

const pipe = native<[fds: number[]]>('int pipe(_Out_ int *fds)')

function makePipe(): { readFd: number; writeFd: number } {
  const fds = [-1, -1]
  assert.equal(pipe(fds), 0)
  const [readFd, writeFd] = fds as [number, number]
  for (const fd of fds) {
    setCloseOnExec(fd, true)
    setWaiting(fd, false)
  }
  return { readFd, writeFd }
}

/** What is in the pipe now. */
function drain(fd: number): string {
  const buffer = Buffer.alloc(65_536)
  let text = ''
  for (;;)
    try {
      const size = readSync(fd, buffer)
      if (size === 0) return text
      text += buffer.toString('latin1', 0, size)
    } catch {
      return text
    }
}

test('a line that was cut in the old file leaves nothing in the new one', async (t) => {
  const path = join(temporaryDirectory(t), 'log')
  const { readFd, writeFd } = makePipe()
  const sink = new DescriptorSink({ fd: writeFd, name: 'cut', isPipe: false, owned: true })
  // as much as a pipe holds, and then nobody reads it any more
  sink.write(`${'x'.repeat(1024 * 1024)}\n`)
  closeSync(readFd)
  sink.flush()
  assert.equal(sink.droppedLines, 1)
  sink.goOnIn(openSync(path, 'a'))
  sink.write('whole\n')
  sink.close()
  assert.equal(readFileSync(path, 'latin1'), 'whole\n')
})

test('a program that does not read delays lines, up to a bound', async () => {
  const { readFd, writeFd } = makePipe()
  const reports: Dropped[] = []
  const sink = new DescriptorSink({
    fd: writeFd,
    name: '|slow',
    isPipe: true,
    owned: true,
    onDropped: (dropped) => reports.push(dropped),
  })
  const line = (count: number) => `${String(count).padStart(9, '0')}${'.'.repeat(990)}\n`
  const total = 1500
  for (let count = 0; count < total; count++) sink.write(line(count))
  sink.flush()
  assert.ok(sink.droppedLines > 0)
  assert.ok(sink.droppedLines * 1000 < total * 1000 - BACKLOG_CHARACTERS + 5000)

  let read = ''
  await until('the rest of the lines', () => {
    read += drain(readFd)
    return reports.length > 1
  })
  read += drain(readFd)
  const lines = read.split('\n').slice(0, -1)
  assert.equal(lines.length + (reports[1]?.lines ?? 0), total)
  // whole lines, in order, none twice
  lines.forEach((text, index) => {
    assert.equal(text, line(index).slice(0, -1))
  })
  sink.close()
  closeSync(readFd)
})

test('closing gives a slow program a second to take the last lines', async (t) => {
  const { readFd, writeFd } = makePipe()
  writeSync(writeFd, Buffer.alloc(65_536))
  const sink = new DescriptorSink({ fd: writeFd, name: '|slow', isPipe: true, owned: true })
  sink.write('last\n')
  // this thread sleeps while it closes, so somebody else must read
  const reader = spawn('/bin/sh', ['-c', 'sleep 0.1; exec cat'], { stdio: [readFd, 'pipe', 'inherit'] })
  t.after(() => reader.kill())
  let read = ''
  reader.stdout?.setEncoding('latin1').on('data', (text: string) => {
    read += text
  })
  await once(reader, 'spawn')
  sink.close()
  closeSync(readFd)
  await once(reader, 'close')
  assert.ok(read.endsWith('last\n'))
})

test('several processes on one pipe do not mix their lines: small writes of whole lines', () => {
  const { readFd, writeFd } = makePipe()
  const sink = new DescriptorSink({ fd: writeFd, name: '|x', isPipe: true, owned: true })
  // nearly fills the pipe: a write of more than the atomic size would go in partly
  writeSync(writeFd, Buffer.alloc(65_536 - 3000))
  for (let count = 0; count < 30; count++) sink.write(`${'y'.repeat(199)}\n`)
  sink.flush()
  const written = drain(readFd).slice(65_536 - 3000)
  assert.equal(written.length % 200, 0)
  sink.close()
  closeSync(readFd)
})

/** Writes a megabyte to the descriptor 2 that it gets, and says how much was lost. */
const WRITER = `
import { openFileSink } from ${JSON.stringify(new URL('../../src/log/sink.js', import.meta.url).href)}
const line = 'x'.repeat(999) + '\\n'
const sink = openFileSink('/dev/stderr', () => {})
for (let at = 0; at < 1000; at++) sink.write(line)
sink.flush()
console.log('done')
process.exit()
`

test('a standard stream that is a pipe or a socket is not waited for, though its flags say so', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, async (t) => {
  const root = temporaryDirectory(t)
  const pipe = join(root, 'pipe')
  execFileSync('mkfifo', [pipe])
  const fd = openSync(pipe, 'r+')
  t.after(() => closeSync(fd))
  for (const stream of [fd, 'pipe'] as const) {
    // Node makes a socket of a pipe for its child.
    const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER], {
      stdio: ['ignore', 'pipe', stream],
      timeout: 20_000,
    })
    child.stderr?.pause()
    let said = ''
    child.stdout?.on('data', (text) => (said += text))
    await until('its end', () => said === 'done\n', 20_000)
    child.stderr?.destroy()
  }
})
