import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DaemonInfo } from '../../src/server/messages.js'
import type { Channel } from '../../src/wsgi/channel/channel.js'
import type { DaemonGroup } from '../../src/wsgi/groups.js'
import { COLUMN_BYTES, type Loads, SharedLoads, UNSHARED } from '../../src/wsgi/loads.js'
import { type Job, type Member, ProcessGroup, type Surroundings } from '../../src/wsgi/process-group.js'
import { until } from '../support/wait.js'

/** Stands for a channel: the group only keeps it, hands it to jobs and closes it. */
class Lane {
  closed = false
  averageMicroseconds = 0
  close(): void {
    this.closed = true
  }
  onClose(): void {}
}

/** A request that notes where it went. */
class Request implements Job {
  member: Member | undefined
  refused: string | undefined
  status: number | undefined
  startTime?: number
  deadline?: number
  queuedAt?: number
  constructor(readonly applicationGroup = '') {}
  begin(_channel: Channel, member: Member): void {
    this.member = member
  }
  refuse(status: number, message: string): void {
    this.status = status
    this.refused = message
  }
}

function makeGroup(
  options: Partial<DaemonGroup> = {},
  loads: Loads = UNSHARED,
  connect?: Surroundings['connect'],
) {
  const asked: string[] = []
  const retired: number[] = []
  const lanes: Lane[] = []
  const logged: string[] = []
  const surroundings: Surroundings = {
    connect:
      connect ??
      (async () => {
        const lane = new Lane()
        lanes.push(lane)
        return lane as unknown as Channel
      }),
    loads,
    number: 0,
    applicationGroupLimit: 2,
    requestProcess: (_, applicationGroup) => asked.push(applicationGroup),
    processRetired: (id) => retired.push(id),
    log: (_level, message) => logged.push(message),
  }
  const settings = {
    name: 'g',
    threads: 2,
    listenBacklog: 1,
    maximumRequests: 0,
    connectTimeout: 15,
    queueTimeout: 0,
    startupTimeout: 0,
    ...options,
  } as DaemonGroup
  return { group: new ProcessGroup(settings, surroundings), asked, retired, lanes, logged }
}

function info(id: number, more: Partial<DaemonInfo> = {}): DaemonInfo {
  return {
    id,
    group: 'g',
    applicationGroup: null,
    state: 'ready',
    socketPath: `/run/${id}`,
    secret: '',
    progressPath: '',
    pid: 1000 + id,
    pythonVersion: '3.11.2',
    subinterpreters: true,
    lends: 'never',
    ...more,
  }
}

/** Lets promises of connections settle. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve()
}

test('a request waits until a process is ready', async (t) => {
  const { group } = makeGroup()
  t.after(() => group.close())
  const request = new Request()
  group.run(request)
  assert.equal(request.member, undefined)
  group.update([info(1)], undefined)
  await settle()
  assert.equal((request.member as Member | undefined)?.info.id, 1)
})

test('the least busy process is chosen, and none is given more than it may have', async (t) => {
  const { group, lanes } = makeGroup()
  t.after(() => group.close())
  group.update([info(1), info(2)], undefined)
  const requests = Array.from({ length: 8 }, () => new Request())
  group.run(requests[0] as Request)
  await settle()
  for (const lane of lanes) lane.averageMicroseconds = 50
  for (const request of requests.slice(1)) group.run(request)
  await settle()
  const given = requests.map((request) => request.member?.info.id)
  assert.equal(given.filter((id) => id === 1).length, 3)
  assert.equal(given.filter((id) => id === 2).length, 3)
  assert.equal(group.waiting, 2)
  group.finished(requests[0]?.member as Member)
  assert.equal(group.waiting, 1)
})

test('a slow application gets no more than there are threads, where another process may be free first', async (t) => {
  const rows: [processes: number, options: Partial<DaemonGroup>, microseconds: number, begun: number][] = [
    [2, {}, 50, 6],
    [2, {}, 20_000, 4],
    [1, {}, 20_000, 3],
    [1, { queueTimeout: 2 }, 20_000, 2],
  ]
  for (const [processes, options, microseconds, begun] of rows) {
    const { group, lanes } = makeGroup(options)
    t.after(() => group.close())
    const first = new Request()
    group.update(
      Array.from({ length: processes }, (_, at) => info(at + 1)),
      undefined,
    )
    group.run(first)
    await settle()
    group.finished(first.member as Member)
    for (const lane of lanes) lane.averageMicroseconds = microseconds
    const requests = Array.from({ length: 8 }, () => new Request())
    for (const request of requests) group.run(request)
    assert.equal(requests.filter(({ member }) => member !== undefined).length, begun)
  }
})

test('what a process has from other workers counts, and who has waited longer goes first', async (t) => {
  const cells = new Int32Array((COLUMN_BYTES / 4) * 3)
  cells[0] = 2
  const workers = [1, 2].map((column) => makeGroup({ threads: 1 }, new SharedLoads(cells, column)))
  t.after(() => {
    for (const { group } of workers) group.close()
  })
  const [here, there] = workers.map(({ group }) => group) as [ProcessGroup, ProcessGroup]
  for (const group of [here, there]) {
    group.update([info(1), info(2)], undefined)
    const first = new Request()
    group.run(first)
    await settle()
    group.finished(first.member as Member)
  }
  const [a, b, c, d, e] = Array.from({ length: 5 }, () => new Request()) as [
    Request,
    Request,
    Request,
    Request,
    Request,
  ]
  here.run(a)
  there.run(b)
  assert.deepEqual(
    [a, b].map(({ member }) => member?.info.id),
    [1, 2],
  )
  there.finished(b.member as Member)
  here.run(c)
  assert.equal(c.member?.info.id, 2)
  // all are busy with requests of one worker; that of the other waits for longer
  e.queuedAt = Date.now() - 1000
  there.run(e)
  here.run(d)
  assert.deepEqual([here.waiting, there.waiting], [1, 1])
  here.finished(a.member as Member)
  assert.equal(d.member, undefined)
  while (e.member === undefined) await new Promise((resolve) => setImmediate(resolve))
  assert.equal((e.member as Member).info.id, 1)
  here.finished(c.member)
  assert.equal((d.member as Member | undefined)?.info.id, 2)
})

test('requests of one turn go to one process where the application is quick, and are dealt out where it is not', async (t) => {
  const { group, lanes } = makeGroup({ threads: 15, listenBacklog: 100 })
  t.after(() => group.close())
  group.update([info(1), info(2)], undefined)
  const first = new Request()
  group.run(first)
  await settle()
  group.finished(first.member as Member)
  const turn = async (count: number) => {
    // the one before is over
    await new Promise((resolve) => setImmediate(resolve))
    const requests = Array.from({ length: count }, () => new Request())
    for (const request of requests) group.run(request)
    const ids = requests.map((request) => request.member?.info.id)
    const finish = () => {
      for (const request of requests) group.finished(request.member as Member)
    }
    return { ids, finish }
  }
  const sizes = (ids: (number | undefined)[]) => [1, 2].map((id) => ids.filter((one) => one === id).length)

  const unknown = await turn(8)
  assert.deepEqual(sizes(unknown.ids), [4, 4])
  unknown.finish()
  for (const lane of lanes) lane.averageMicroseconds = 50
  const quick = await turn(8)
  assert.deepEqual(sizes(quick.ids), [8, 0])
  // those are not answered yet: the next turn's go to the other process, which is less busy
  const next = await turn(8)
  assert.deepEqual(sizes(next.ids), [0, 8])
  quick.finish()
  next.finish()
  // each has its thread as long as there are any, and the last of many would wait too long
  const many = await turn(60)
  assert.deepEqual(sizes(many.ids), [25, 35])
  many.finish()
  for (const lane of lanes) lane.averageMicroseconds = 2000
  const slow = await turn(8)
  assert.deepEqual(sizes(slow.ids), [4, 4])
  slow.finish()
})

test('what a retiring process gives back goes to another one, before what came later', async (t) => {
  const { group, retired } = makeGroup({ threads: 1, listenBacklog: 0 })
  t.after(() => group.close())
  group.update([info(1)], undefined)
  const first = new Request()
  const later = new Request()
  group.run(first)
  await settle()
  group.run(later)
  group.returned(first, first.member as Member, 'script_reload')
  assert.deepEqual(retired, [1])
  group.update([info(1, { state: 'draining' }), info(2)], undefined)
  await settle()
  assert.equal(first.member?.info.id, 2)
  assert.equal(later.member, undefined)
})

test('a group that cannot start refuses at once', () => {
  const { group } = makeGroup()
  group.update([], 'no such Python')
  const request = new Request()
  group.run(request)
  assert.match(request.refused ?? '', /cannot be started: no such Python/)
  group.close()
})

test('a Python without sub-interpreters gets a process for each application group', async (t) => {
  const { group, asked } = makeGroup()
  t.after(() => group.close())
  group.update([info(1, { applicationGroup: 'a', subinterpreters: false })], undefined)
  const request = new Request('b')
  group.run(request)
  await settle()
  assert.ok(asked.includes('b'))
  group.update(
    [
      info(1, { applicationGroup: 'a', subinterpreters: false }),
      info(2, { applicationGroup: 'b', subinterpreters: false }),
    ],
    undefined,
  )
  await settle()
  assert.equal(request.member?.info.id, 2)
})

test('connect-timeout runs while there is a process, the start of one has a limit of its own', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'], now: 1_000_000 })
  const up = [info(1)]
  const leaving = [info(1, { state: 'draining' })]
  type Step = [seconds: number, processes: DaemonInfo[], refused: RegExp | undefined]
  const connectTimeout = /^503 WSGI0116: .* became free within connect-timeout \(15 s\)$/
  const rows: [options: Partial<DaemonGroup>, ...steps: Step[]][] = [
    [{}, [14, up, undefined], [1, up, connectTimeout]],
    [{}, [599, [], undefined], [1, [], /^503 WSGI0116: .* 'g' came up within 600 s$/]],
    [{ startupTimeout: 900 }, [899, [], undefined], [1, [], /came up within 900 s$/]],
    [{}, [300, [], undefined], [14, up, undefined], [1, up, connectTimeout]],
    [{}, [14, up, undefined], [300, leaving, undefined], [14, up, undefined], [1, up, connectTimeout]],
    [{ connectTimeout: 0 }, [300, [], undefined], [1, up, /connect-timeout \(0 s\)$/]],
    [{ queueTimeout: 20 }, [19, [], undefined], [1, [], /^504 WSGI0080: Queue timeout expired/]],
  ]
  for (const [options, ...steps] of rows) {
    const { group } = makeGroup(options, UNSHARED, () => new Promise(() => {}))
    const request = new Request()
    request.startTime = Date.now() / 1000
    group.update(steps[0]?.[1] ?? [], undefined)
    group.run(request)
    for (const [seconds, processes, refused] of steps) {
      group.update(processes, undefined)
      t.mock.timers.tick(seconds * 1000)
      if (refused === undefined) assert.equal(request.refused, undefined)
      else assert.match(`${request.status} ${request.refused}`, refused)
    }
    group.close()
  }
})

test('a process that cannot be connected to is tried again, less often with each failure', async (t) => {
  const attempts: number[] = []
  const { group, logged } = makeGroup({}, new SharedLoads(new Int32Array(COLUMN_BYTES / 2), 1), async () => {
    attempts.push(performance.now())
    if (attempts.length < 4) throw new Error('no such file')
    return new Lane() as unknown as Channel
  })
  t.after(() => group.close())
  group.update([info(1)], undefined)
  const request = new Request()
  group.run(request)
  await until('the connection', () => request.member)
  const [first = 0, second = 0, third = 0, fourth = 0] = attempts
  assert.ok(second - first >= 100)
  assert.ok(third - second >= 200)
  assert.ok(fourth - third >= 400)
  assert.equal(logged.length, 3)
  assert.match(
    logged[0] as string,
    /^WSGI0117: Unable to connect .* 'g' \(pid 1001\) on '\/run\/1': no such file$/,
  )
})

test('a process that is off the list is let go when its last request is done', async (t) => {
  const { group, lanes } = makeGroup()
  t.after(() => group.close())
  group.update([info(1)], undefined)
  const request = new Request()
  group.run(request)
  await settle()
  group.update([], undefined)
  assert.equal(lanes[0]?.closed, false)
  group.finished(request.member as Member)
  assert.equal(lanes[0]?.closed, true)
})
