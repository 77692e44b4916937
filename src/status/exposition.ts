/**
 * Prometheus's text format, version 0.0.4. Pure.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { DURATION_BOUNDS_MS } from './counts.js'

export type Labels = Readonly<Record<string, string>>

/** One line; `suffix`: what follows the metric's name. */
export interface Sample {
  readonly suffix?: '_bucket' | '_sum' | '_count'
  readonly labels?: Labels
  readonly value: number
}

export interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly samples: readonly Sample[]
}

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Metrics without samples are left out. */
export function exposition(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) => {
      const lines = samples.map(
        ({ suffix = '', labels = {}, value }) => `${name}${suffix}${braced(labels)} ${numberText(value)}\n`,
      )
      return `# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE ${name} ${type}\n${lines.join('')}`
    })
    .join('')
}

/** The lines of a histogram. What is counted is whole milliseconds; what is told is seconds, and how many were at most as long as each bound. */
export function histogram(durations: readonly number[], totalMs: number, labels: Labels = {}): Sample[] {
  let count = 0
  const buckets = durations.map((own, place): Sample => {
    count += own
    const bound = DURATION_BOUNDS_MS[place]
    return {
      suffix: '_bucket',
      labels: { ...labels, le: bound === undefined ? '+Inf' : String(bound / 1000) },
      value: count,
    }
  })
  return [
    ...buckets,
    { suffix: '_sum', labels, value: totalMs / 1000 },
    { suffix: '_count', labels, value: count },
  ]
}

function braced(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
}

function numberText(value: number): string {
  return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
