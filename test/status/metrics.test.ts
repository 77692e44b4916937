/** The names that the page about metrics has. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { Board, GroupReport, GroupUse, WorkerReport } from '../../src/status/board.js'
import { newGroupCounts } from '../../src/status/counts.js'
import { exposition } from '../../src/status/exposition.js'
import { metricsOf } from '../../src/status/metrics.js'
import { PROJECT } from '../support/server.js'
import { EMPTY_BOARD, IDLE_WORKER } from '../support/status.js'

const WORKER: WorkerReport = { ...IDLE_WORKER, resident: 100 }

const GROUP: GroupReport = {
  group: 'app',
  processes: 2,
  threads: 2,
  ready: true,
  alive: [
    { id: 1, state: 'ready', resident: 10 },
    { id: 2, state: 'draining', resident: 30 },
  ],
  unloaded: 0,
  started: 2,
  ended: [['died', 1]],
}

const BOARD: Board = { ...EMPTY_BOARD, startedAt: 1000, restartedAt: 2000 }

const use = (running: GroupUse['running'], waiting = 0, waitsMs = 0): GroupUse => ({
  group: 'app',
  counts: { ...newGroupCounts(), queued: 3 },
  waiting,
  waitsMs,
  running,
})

const FACTS = { version: 'test', now: 11_000, capacity: 5 }

function lines(board: Partial<Board>): Set<string> {
  return new Set(exposition(metricsOf({ ...BOARD, ...board }, FACTS)).split('\n'))
}

test('what several workers have given to a process is added up', () => {
  const found = lines({
    groups: [GROUP],
    workers: [
      { ...WORKER, groups: [use([[1, 1]], 1, 500)] },
      {
        ...WORKER,
        draining: true,
        groups: [
          use(
            [
              [1, 2],
              [2, 1],
            ],
            1,
            1500,
          ),
        ],
      },
    ],
    pastGroups: [['app', { ...newGroupCounts(), queued: 4 }]],
  })
  for (const line of [
    'group_threads{group="app",state="busy"} 3',
    'group_threads{group="app",state="idle"} 0',
    'group_queue_length{group="app"} 3',
    'group_queue_oldest_seconds{group="app"} 1.5',
    'group_queued_requests_total{group="app"} 10',
    'group_resident_memory_bytes{group="app"} 40',
    'group_resident_memory_largest_bytes{group="app"} 30',
    'group_process_ends_total{group="app",reason="died"} 1',
    'workers{state="serving"} 1',
    'workers{state="draining"} 1',
    'uptime_seconds 10',
  ])
    assert.ok(found.has(`wsgi_httpd_${line}`), `${line} in\n${[...found].join('\n')}`)
})

test('a group that takes no requests has processes, and no threads and no queue', () => {
  const found = [...lines({ groups: [{ ...GROUP, threads: 0 }] })].filter((line) =>
    line.includes('group="app"'),
  )
  assert.ok(found.some((line) => line.startsWith('wsgi_httpd_group_processes{')))
  assert.deepEqual(
    found.filter((line) => /ready|threads|queue|duration/.test(line.replace(/"ready"/, ''))),
    [],
  )
})

test('docs/monitoring.md names every metric, and no others', () => {
  const page = readFileSync(path.join(PROJECT, 'docs', 'monitoring.md'), 'utf8')
  const rows = page.match(/^\| `.*$/gm) ?? []
  const named = rows.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name),
  )
  const certificates = [{ server: 'a:443', key: 'ec', at: 0 }]
  const made = metricsOf({ ...BOARD, groups: [GROUP], certificates }, FACTS)
  assert.deepEqual(named.sort(), made.map(({ name }) => name.replace('wsgi_httpd_', '')).sort())
})
