import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newHistogram } from '../../src/status/counts.js'
import { exposition, histogram } from '../../src/status/exposition.js'

test('labels, help and numbers are written as Prometheus reads them', () => {
  const text = exposition([
    {
      name: 'a_total',
      type: 'counter',
      help: 'a \\ and\na line',
      samples: [
        { labels: { group: 'a"b\\c\nd}', reason: 'x' }, value: 1.5 },
        { value: Number.POSITIVE_INFINITY },
        { value: Number.NaN },
      ],
    },
    { name: 'nothing', type: 'gauge', help: 'no samples', samples: [] },
  ])
  assert.equal(
    text,
    `# HELP a_total a \\\\ and\\na line
# TYPE a_total counter
a_total{group="a\\"b\\\\c\\nd}",reason="x"} 1.5
a_total +Inf
a_total NaN
`,
  )
})

test('the buckets of a histogram add up', () => {
  const durations = newHistogram()
  durations[0] = 1
  durations[2] = 2
  durations[durations.length - 1] = 4
  const lines = exposition([
    { name: 'h', type: 'histogram', help: '', samples: histogram(durations, 2500, { group: 'app' }) },
  ]).split('\n')
  assert.deepEqual(lines.slice(2, 6), [
    'h_bucket{group="app",le="0.001"} 1',
    'h_bucket{group="app",le="0.002"} 1',
    'h_bucket{group="app",le="0.004"} 3',
    'h_bucket{group="app",le="0.008"} 3',
  ])
  assert.deepEqual(lines.slice(-5), [
    'h_bucket{group="app",le="131.072"} 3',
    'h_bucket{group="app",le="+Inf"} 7',
    'h_sum{group="app"} 2.5',
    'h_count{group="app"} 7',
    '',
  ])
})
