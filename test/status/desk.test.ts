/** What the supervisor makes of its server workers' reports. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Board, WorkerReport } from '../../src/status/board.js'
import { newGroupCounts } from '../../src/status/counts.js'
import { LAST_REPORT, StatusDesk } from '../../src/status/desk.js'
import { IDLE_WORKER } from '../support/status.js'

/** Of a worker that has answered so many requests, all for the group `app`, and that many for one that nobody knows. */
function report(pid: number, accesses: number): WorkerReport {
  const counts = { ...newGroupCounts(), queued: accesses }
  const use = { counts, waiting: 0, waitsMs: 0, running: [] }
  return {
    ...IDLE_WORKER,
    accesses,
    pid,
    groups: [
      { ...use, group: 'app' },
      { ...use, group: 'unheard of' },
    ],
  }
}

/** A desk with workers that answer when they are told to. */
class Office {
  asked: number[] = []
  number = 0
  readonly desk = new StatusDesk({
    ask: (number) => {
      this.number = number
      return this.asked
    },
    daemons: () => [],
    groups: () => [],
    generation: () => 1,
    room: () => ({ workers: 1, requests: 1 }),
    certificates: () => [],
  })

  constructor() {
    this.desk.tallyOf('app')
  }

  /** A look, answered by these; whoever else is asked stays silent until the look is over. */
  async look(asked: number[], ...reports: WorkerReport[]): Promise<Board> {
    this.asked = asked
    const board = this.desk.survey()
    for (const one of reports) this.desk.take(this.number, one, one.pid)
    return board
  }
}

function totals(board: Board) {
  const groups = [
    ...board.pastGroups,
    ...board.workers.flatMap((worker) => worker.groups.map((use) => [use.group, use.counts] as const)),
  ]
  const app = groups.filter(([group]) => group === 'app')
  return {
    accesses: board.workers.reduce((sum, { accesses }) => sum + accesses, board.past.accesses),
    app: app.reduce((sum, [, { queued }]) => sum + queued, 0),
  }
}

test('totals do not fall when a worker crashes, is silent, or leaves during a look', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const office = new Office()
  assert.deepEqual(totals(await office.look([1, 2], report(1, 10), report(2, 5))), { accesses: 15, app: 15 })

  const look = office.look([1, 2], report(1, 11))
  t.mock.timers.tick(1000)
  assert.deepEqual(totals(await look), { accesses: 16, app: 16 }, 'the other one is silent')

  office.desk.gone(2)
  assert.deepEqual(totals(await office.look([1], report(1, 12))), { accesses: 17, app: 17 }, 'it has crashed')

  office.asked = [1, 3, 4]
  const during = office.desk.survey()
  office.desk.take(office.number, report(1, 13), 1)
  office.desk.take(LAST_REPORT, report(1, 14), 1)
  office.desk.take(office.number, report(3, 1), 3)
  office.desk.take(office.number, report(3, 1), 3)
  office.desk.gone(4)
  assert.deepEqual(totals(await during), { accesses: 20, app: 20 }, 'it is counted once')
  office.desk.gone(1)
  assert.deepEqual(
    totals(await office.look([3], report(3, 1))),
    { accesses: 20, app: 20 },
    'and not once more',
  )
})

test('names of groups that nobody has configured are not kept', async () => {
  const office = new Office()
  office.desk.take(LAST_REPORT, report(1, 3), 1)
  const { pastGroups } = await office.look([])
  assert.deepEqual(
    pastGroups.map(([group]) => group),
    ['app'],
  )
})

test('a group counts its processes on after a restart', () => {
  const { desk } = new Office()
  desk.tallyOf('app').started++
  desk.tallyOf('app').end('died')
  desk.tallyOf('app').end('script_reload')
  assert.deepEqual(desk.tallyOf('app').report, {
    started: 1,
    ended: [
      ['died', 1],
      ['start_failed', 0],
      ['script_reload', 1],
    ],
  })
})
