/**
 * Draws a profile of V8's as a flame graph: who called whom from the bottom up, as wide as it took.
 *
 *     node build/bench/flame-graph.js CPU….cpuprofile FROM-SECONDS TO-SECONDS > flame-graph.svg
 *
 * See profile.ts for how a profile is made. Calls of one function by the same callers are one bar; what is too narrow to be seen is left out.
 */
import { readFileSync } from 'node:fs'
import { escapeHtml } from '../src/modules/html-text.js'
import { moduleOf, type Profile, type ProfileNode, selfTimes } from './cpu-profile.js'

const WIDTH = 1400
const ROW = 17
const NARROWEST = 1.5
const LETTER = 6.3
/** Bars by the part of the program. */
const COLOURS: readonly (readonly [RegExp, string, string])[] = [
  [/^http\//, '#f2b36d', 'http: the protocol'],
  [/^request\//, '#f7d87c', 'request: phases, response'],
  [/^wsgi\//, '#a8cf8e', 'wsgi: gateway, channel'],
  [/^(log|status)\//, '#9fc7e8', 'log'],
  [/^(modules|expr|config)\//, '#d3b5e3', 'modules'],
]
const NODE = ['#dcdcdc', 'Node'] as const
const ENGINE = ['#e79a94', 'the engine and system calls'] as const

interface Bar {
  readonly name: string
  readonly colour: string
  time: number
  readonly above: Map<string, Bar>
}

function barOf(node: ProfileNode): Bar {
  const module = moduleOf(node)
  const name = node.callFrame.functionName || '(anonymous)'
  const own = module === undefined ? undefined : COLOURS.find(([pattern]) => pattern.test(module))
  const colour = own?.[1] ?? (node.callFrame.url === '' ? ENGINE[0] : NODE[0])
  return { name: module === undefined ? name : `${name}  ${module}`, colour, time: 0, above: new Map() }
}

/** Adds the times of a call and of those that it made to the bars of its callers. @returns all of it, in microseconds */
function stack(
  id: number,
  under: Bar,
  nodes: ReadonlyMap<number, ProfileNode>,
  times: ReadonlyMap<number, number>,
): number {
  const node = nodes.get(id) as ProfileNode
  const made = barOf(node)
  const bar = under.above.get(made.name) ?? made
  under.above.set(made.name, bar)
  let time = times.get(id) ?? 0
  for (const child of node.children ?? []) time += stack(child, bar, nodes, times)
  bar.time += time
  return time
}

function draw(all: Bar): string {
  const scale = WIDTH / all.time
  const rows: string[] = []
  let height = 0
  const place = (bar: Bar, x: number, level: number): void => {
    const width = bar.time * scale
    if (width < NARROWEST) return
    height = Math.max(height, level + 1)
    const share = `${((100 * bar.time) / all.time).toFixed(1)} %`
    const room = Math.floor((width - 4) / LETTER)
    const label =
      room < 3
        ? ''
        : `<text x="${(x + 3).toFixed(1)}" y="@${level}t">${escapeHtml(bar.name.slice(0, room))}</text>`
    rows.push(
      `<g><title>${escapeHtml(bar.name)}: ${share}</title><rect x="${x.toFixed(1)}" y="@${level}r" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${bar.colour}"/>${label}</g>`,
    )
    let at = x
    for (const one of [...bar.above.values()].sort((a, b) => b.time - a.time)) {
      place(one, at, level + 1)
      at += one.time * scale
    }
  }
  place(all, 0, 0)
  const total = height * ROW + 24
  const placed = rows
    .join('\n')
    .replace(
      /"@(\d+)([rt])"/g,
      (_, level, kind) => `"${total - 24 - (Number(level) + 1) * ROW + (kind === 't' ? 12 : 0)}"`,
    )
  const legend = [...COLOURS.map(([, colour, name]) => [colour, name] as const), NODE, ENGINE]
    .map(
      ([colour, name], at) =>
        `<rect x="${at * 195}" y="${total - 18}" width="12" height="12" fill="${colour}"/><text x="${at * 195 + 16}" y="${total - 8}">${name}</text>`,
    )
    .join('\n')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${total}" font-family="monospace" font-size="10.5">
<title>Flame graph</title>
<rect width="${WIDTH}" height="${total}" fill="#fff"/>
${placed}
${legend}
</svg>
`
}

const [file, from = '0', to = 'Infinity'] = process.argv.slice(2)
if (file === undefined)
  throw new Error('usage: node build/bench/flame-graph.js FILE [FROM-SECONDS [TO-SECONDS]]')
const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile
const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
const all: Bar = { name: 'all', colour: '#eee', time: 0, above: new Map() }
const root = profile.nodes[0] as ProfileNode
const times = selfTimes(profile, Number(from), Number(to))
for (const child of root.children ?? []) all.time += stack(child, all, nodes, times)
process.stdout.write(draw({ ...all, name: 'the server worker' }))
