/** Log programs as real processes. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type PipedProgram,
  type PipedProgramOptions,
  type PipedReport,
  startPipedProgram,
} from '../../src/log/piped.js'
import { until } from '../support/wait.js'
import { temporaryDirectory } from './support.js'

type Record = Parameters<PipedReport>[0]

async function start(
  t: TestContext,
  command: string,
  options: Partial<PipedProgramOptions> = {},
): Promise<{ program: PipedProgram; records: Record[] }> {
  const records: Record[] = []
  const program = await startPipedProgram({ command, report: (record) => records.push(record), ...options })
  t.after(() => program.stop(0))
  return { program, records }
}

function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'latin1').split('\n').slice(0, -1) : []
}

test('no shell: words by quoting rules, `>>` is an argument', async (t) => {
  const out = join(temporaryDirectory(t), 'out')
  const { program } = await start(
    t,
    `/bin/sh -c 'printf "%s\\n" "$0" "$@" > ${out}; exec cat > /dev/null' "a b" >> c'd`,
  )
  await until('the arguments', () => linesOf(out).length === 3)
  assert.deepEqual(linesOf(out), ['a b', '>>', "c'd"])
  await program.stop()
})

test('$ gives the whole text to /bin/sh', async (t) => {
  const out = join(temporaryDirectory(t), 'out')
  const { program } = await start(t, `$exec cat >> ${out}`)
  writeSync(program.fd, 'one\n')
  await program.stop()
  assert.deepEqual(linesOf(out), ['one'])
})

test('stop lets the program read all', async (t) => {
  const out = join(temporaryDirectory(t), 'out')
  const { program, records } = await start(t, `$sleep 0.2; exec cat > ${out}`)
  writeSync(program.fd, 'one\ntwo\n')
  await program.stop()
  assert.deepEqual(linesOf(out), ['one', 'two'])
  assert.deepEqual(records, [])
  assert.equal(program.pid, undefined)
})

test('a program that dies is started again and reads on; nothing written meanwhile is lost', async (t) => {
  const out = join(temporaryDirectory(t), 'out')
  // reads one line per life
  const { program, records } = await start(t, `$read line; echo "$line" >> ${out}`, {
    restart: { firstMs: 1, maxMs: 10, steadyMs: 5000 },
  })
  const first = program.pid
  writeSync(program.fd, 'one\n')
  await until('the first death', () => records.length > 0)
  writeSync(program.fd, 'two\n')
  await until('the second line', () => linesOf(out).length === 2)
  assert.deepEqual(linesOf(out), ['one', 'two'])
  assert.notEqual(program.pid, first)
  assert.equal(records[0]?.level, 'error')
  assert.equal(records[0]?.code, 'AH00106')
  assert.match(
    records[0]?.message ?? '',
    /^piped log program '\$read line.*' failed unexpectedly \(exit status 0\)$/s,
  )
})

test('a killed program is named with its signal', async (t) => {
  const { program, records } = await start(t, '/bin/cat', {
    restart: { firstMs: 1, maxMs: 10, steadyMs: 5000 },
  })
  const first = program.pid as number
  process.kill(first, 'SIGKILL')
  await until('its successor', () => program.pid !== undefined && program.pid !== first)
  assert.match(records[0]?.message ?? '', /\(SIGKILL\)$/)
})

test('what it writes to standard error is reported line by line, with its process id', async (t) => {
  const { program, records } = await start(t, '$echo "caf\xc3\xa9 full" >&2; exec cat')
  await until('the line', () => records.length > 0)
  assert.deepEqual(records, [{ level: 'error', message: 'caf\xc3\xa9 full', pid: program.pid }])
})

test('a program that ignores the end of its input is killed after the grace', async (t) => {
  const { program } = await start(t, "$trap '' TERM; while :; do sleep 0.05; done")
  const pid = program.pid as number
  await program.stop(20)
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

test('a program that is not there', async () => {
  await assert.rejects(startPipedProgram({ command: '/nonexistent/prog x', report: () => {} }), {
    message: "AH00104: unable to start piped log program '/nonexistent/prog x': (2)No such file or directory",
  })
})

const ROTATELOGS = '/usr/bin/rotatelogs'
test('rotatelogs', { skip: !existsSync(ROTATELOGS) && `no ${ROTATELOGS}` }, async (t) => {
  const directory = temporaryDirectory(t)
  const { program, records } = await start(t, `${ROTATELOGS} "${directory}/access log.%Y" 86400`)
  writeSync(program.fd, 'GET /\nGET /x\n')
  await program.stop()
  const [name = ''] = readdirSync(directory)
  assert.match(name, /^access log\.\d{4}$/)
  assert.deepEqual(linesOf(join(directory, name)), ['GET /', 'GET /x'])
  assert.deepEqual(records, [])
})
