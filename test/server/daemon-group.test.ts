import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import type { ErrorLog } from '../../src/log/error-log.js'
import { DAEMON_DEFAULTS } from '../../src/modules/wsgi/daemon-process.js'
import { wsgiMain } from '../../src/modules/wsgi/settings.js'
import { DaemonGroupProcesses } from '../../src/server/daemon-group.js'
import { planDaemons, signatureOf } from '../../src/server/daemon-plan.js'
import type { Identity } from '../../src/server/messages.js'
import { groupTally } from '../../src/status/tally.js'
import type { DaemonGroup } from '../../src/wsgi/groups.js'
import { findPython, type Python, skipWithout, usable } from '../support/pythons.js'
import { until } from '../support/wait.js'

const isRoot = process.getuid?.() === 0
const NOBODY: Identity | null = isRoot ? { uid: 65534, gid: 65534, userName: 'nobody' } : null
const AT = { file: '/etc/httpd.conf', line: 7 }

const GROUP: DaemonGroup = {
  ...DAEMON_DEFAULTS,
  name: 'app',
  at: AT,
  serverIndex: 0,
  threads: 2,
  written: new Map(),
}

function plan(
  group: Partial<DaemonGroup> = {},
  python = usable(findPython() as Python).executable,
  at = GROUP.at,
  others: readonly DaemonGroup[] = [],
) {
  return planDaemons(
    {
      ...GROUP,
      ...group,
      at,
      written: new Map(Object.entries(group).map(([name, value]) => [name, String(value)])),
    },
    {
      wsgi: { ...wsgiMain.defaults, daemonGroups: [GROUP, ...others] },
      frontUser: NOBODY,
      mainGroup: null,
      imports: [],
      findPython: () => ({ executable: python, kind: { major: 3, isFreeThreaded: false } }),
      errorLog: 'file /log',
      environment: process.env,
      serverVersion: [1, 2, 3],
      serverSoftware: 'test',
    },
  )
}

test('clients’ connections are lent to processes that are the worker’s like, for one response where it matters to others who has them', () => {
  assert.equal(plan().lends, 'kept')
  const beside = plan({}, undefined, undefined, [GROUP])
  assert.equal(beside.lends, isRoot ? 'for one response' : 'kept', 'the system protects the worker')
  assert.equal(plan({ chroot: '/' }).lends, plan().lends)
  if (!isRoot) return
  for (const other of [{ user: 'daemon' }, { group: 'daemon' }, { supplementaryGroups: ['daemon'] }])
    assert.equal(plan(other).lends, 'never', JSON.stringify(other))
})

const running = new Set<Run>()
after(() => Promise.all([...running].map((run) => run.group.stop('server_stop'))))

/** A group with everything around it recorded. */
class Run {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-daemons-'))
  readonly lines: string[] = []
  readonly gone: { id: number; pid: number; cause: string }[] = []
  readonly group: DaemonGroupProcesses
  readonly tally = groupTally()
  changed = (): void => {}

  constructor(options: Partial<DaemonGroup> = {}, python?: string, stderr: number | 'pipe' = 2) {
    const log: ErrorLog = {
      request: () => {},
      server: (_module, level, message) => void this.lines.push(`${level} ${message}`),
      admits: () => true,
    }
    this.group = new DaemonGroupProcesses({
      plan: plan(options, python),
      outlet: { log, stderr },
      runtimeDir: this.folder,
      generation: 1,
      changed: () => this.changed(),
      board: () => Promise.reject(new Error('there is no server')),
      tally: this.tally,
      gone: (process, cause) => void this.gone.push({ id: process.id, pid: process.pid, cause }),
    })
    this.group.start()
    running.add(this)
  }

  get text(): string {
    return this.lines.join('\n')
  }

  ready(count = 1) {
    return until(`${count} ready\n${this.text}`, () => {
      const ready = this.group.infos.filter(({ state }) => state === 'ready')
      return ready.length === count ? ready : undefined
    })
  }

  async end(): Promise<void> {
    await this.group.stop('server_stop')
    running.delete(this)
    assert.deepEqual(readdirSync(this.folder), [], 'sockets and progress files are removed')
    rmSync(this.folder, { recursive: true })
  }
}

const python = { skip: skipWithout('3') }

test('starts as many processes as asked for, each with a socket of its own', python, async () => {
  const run = new Run({ processes: 2, processesGiven: true })
  const infos = await run.ready(2)
  assert.equal(new Set(infos.map(({ socketPath }) => socketPath)).size, 2)
  for (const { socketPath, progressPath, pid } of infos) {
    assert.equal(statSync(socketPath).mode & 0o777, 0o600)
    // the process writes with its descriptor, and server workers only read
    assert.equal(statSync(progressPath).mode & 0o777, isRoot ? 0o640 : 0o600)
    assert.equal(statSync(progressPath).uid, process.getuid?.())
    assert.equal(statSync(progressPath).size, 1024 * 1024)
    if (isRoot) assert.deepEqual([statSync(socketPath).uid, statSync(`/proc/${pid}`).uid], [65534, 65534])
  }
  await run.end()
  for (const { pid } of infos) assert.throws(() => process.kill(pid, 0))
})

test('a process holds its own descriptors and no others', {
  skip: python.skip || !existsSync('/proc'),
}, async () => {
  const run = new Run()
  const [{ pid = 0 } = {}] = await run.ready()
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => [fd, readlinkSync(`/proc/${pid}/fd/${fd}`)])
  assert.equal(links.find(([fd]) => fd === '0')?.[1], '/dev/null')
  const foreign = links
    .filter(([, link = '']) => link.startsWith('/') && !link.startsWith(run.folder))
    .map(([, link]) => link)
  const ours = new Set([
    '/dev/null',
    ...['1', '2'].map((fd) => readlinkSync(`/proc/self/fd/${fd}`)),
    readlinkSync('/proc/self/fd/2'),
  ])
  // libffi 3.5, which ctypes uses, keeps its own file open.
  assert.deepEqual(
    foreign.filter((link = '') => !ours.has(link) && !/\/libffi\.so/.test(link)),
    [],
  )
  const variables = readFileSync(`/proc/${pid}/environ`, 'latin1')
    .split('\0')
    .map((word) => word.split('=')[0])
  assert.equal(
    variables.some((name) => name === 'UV_THREADPOOL_SIZE' || name === 'NODE_CHANNEL_FD'),
    false,
  )
  await run.end()
})

test('a killed process is replaced at once, and its end is explained', python, async () => {
  const run = new Run()
  const [{ pid = 0, id = 0 } = {}] = await run.ready()
  process.kill(pid, 'SIGKILL')
  await until('its end', () => run.gone.length > 0)
  assert.deepEqual([run.gone[0]?.id, run.gone[0]?.pid], [id, pid])
  assert.match(run.gone[0]?.cause ?? '', /^killed by signal SIGKILL \(9\); not sent by this server$/)
  const [next] = await run.ready()
  assert.notEqual(next?.pid, pid)
  assert.match(
    run.text,
    new RegExp(`error mod_wsgi \\(pid=${pid}\\): Process 'app' has died: killed by signal SIGKILL`),
  )
  await run.end()
})

test('a process that is told to stop by signal is replaced', python, async () => {
  const run = new Run()
  const [{ pid = 0 } = {}] = await run.ready()
  process.kill(pid, 'SIGTERM')
  await until('another one', async () => (await run.ready())[0]?.pid !== pid)
  assert.match(run.text, /info .*Shutdown requested 'app' \(shutdown_signal\)/)
  await until('its end', () => run.gone.length > 0)
  assert.equal(run.gone[0]?.cause, 'exit status 0 (shutdown_signal)')
  await run.end()
})

test('whoever stops a process by signal again and again does not wait for the next one', python, async () => {
  const run = new Run()
  const pids = new Set<number>()
  for (let times = 0; times < 4; times++) {
    const { pid } = await until('another one', async () =>
      (await run.ready()).find((one) => !pids.has(one.pid)),
    )
    pids.add(pid)
    process.kill(pid, 'SIGINT')
    await until('its end', () => run.gone.some((one) => one.pid === pid))
  }
  assert.doesNotMatch(run.text, /next start in/)
  await run.end()
})

const single = findPython('2.7') ?? findPython('3.6') ?? findPython('3.7')

test('requests for what the first processes hold start no others while these are replaced', {
  skip: single === undefined && 'no Python without sub-interpreters',
}, async () => {
  const run = new Run({}, usable(single as Python).executable)
  const [{ pid = 0 } = {}] = await run.ready()
  let asked = 0
  // what a server worker says that has a request and no process for it: when the process begins to leave, and until its successor is there
  run.changed = () => {
    if (run.group.infos.some((info) => info.state === 'ready')) return
    asked++
    run.group.need('')
  }
  process.kill(pid, 'SIGTERM')
  await until('the successor', async () => (await run.ready())[0]?.pid !== pid)
  assert.ok(asked > 0)
  run.changed = () => {}
  await run.end()
  assert.equal(run.lines.filter((line) => line.includes('Starting process')).length, 2)
})

test('a group that retires leaves without replacement', python, async () => {
  const run = new Run()
  await run.ready()
  await run.group.retire('group_changed')
  assert.deepEqual(run.group.infos, [])
  assert.match(
    run.text,
    /Process group 'app' has changed in the configuration, waiting for requests to complete \(group_changed\)/,
  )
  await run.end()
})

test(
  'processes that are told to retire while they come up leave as soon as they are up',
  python,
  async () => {
    const run = new Run()
    await run.group.retire('group_removed')
    assert.doesNotMatch(run.text, /graceful_timeout/)
    await run.end()
  },
)

test('a Python that cannot be executed is a failure with its reason, tried again later', async () => {
  const run = new Run({}, '/nowhere/python')
  await run.group.settled()
  const [failure] = run.group.failures
  assert.match(failure?.message ?? '', /cannot start \/nowhere\/python: \/nowhere does not exist/)
  assert.match(run.text, /error .*could not be started/)
  assert.match(run.text, /warn .*next start in 0\.5 s/)
  await run.end()
})

test('where the error log is no file, what a process writes to descriptor 2 is logged', async () => {
  // no Python at all: it complains about its arguments and ends
  const run = new Run({}, '/bin/ls', 'pipe')
  await until('its words', () => /error mod_wsgi \(pid=\d+\): .*--control/.test(run.text))
  await run.end()
})

test('a working directory that is asked for must be there', async () => {
  const run = new Run({ home: '/nowhere' })
  await run.group.settled()
  assert.match(
    run.group.failures[0]?.message ?? '',
    /cannot use \/nowhere as working directory: \/nowhere does not exist/,
  )
  await run.end()
})

test('umask, priority and directory are in force', {
  skip: python.skip || (!isRoot && 'needs root'),
}, async () => {
  const run = new Run({ umask: 0o27, cpuPriority: 5, home: '/usr' })
  const [{ pid = 0 } = {}] = await run.ready()
  assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^Umask:\s+0027$/m)
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/usr')
  assert.equal(execFileSync('ps', ['-o', 'ni=', '-p', String(pid)], { encoding: 'utf8' }).trim(), '5')
  await run.end()
})

test('plans of equal groups are equal, wherever they were written', python, () => {
  const signature = signatureOf(plan())
  assert.ok(signature === signatureOf(plan({}, undefined, { file: '/other', line: 1 })))
  assert.ok(signature !== signatureOf(plan({ threads: 3 })))
  assert.ok(signature !== signatureOf(plan({}, '/other/python')))
})

test('a daemon process does not run as root beside a server that does not', {
  skip: !isRoot && 'needs root',
}, () => {
  assert.throws(() => plan({ user: '#0' }), /WSGI process blocked from running as root\./)
  assert.throws(() => plan({ user: 'nobody-of-that-name' }), /there is no user nobody-of-that-name/)
})

test(
  'a process that somebody ends or stops while it comes up does not make requests fail',
  python,
  async () => {
    const run = new Run()
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const started = () =>
        [...run.text.matchAll(/pid=(\d+)\): Starting process/g)].map(([, pid]) => Number(pid))
      const count = started().length
      process.kill(started().at(-1) as number, signal)
      await until('its successor', () => started().length > count)
      assert.deepEqual(run.group.failures, [])
    }
    await run.ready()
    await run.end()
  },
)
