/**
 * Says where the time of a server worker goes, from a profile of V8's, as a table by part of the program.
 *
 *     node --cpu-prof --cpu-prof-dir=DIR bin/wsgi-httpd.js -f CONF -DFOREGROUND   (the worker writes its profile when the server stops)
 *     node build/bench/profile.js DIR/CPU….cpuprofile [FROM-SECONDS [TO-SECONDS]]
 *
 * DIR must be writable by `User`. Calls of Node's own are counted for the part that called them; idle time is left out.
 */
import { readFileSync } from 'node:fs'
import { moduleOf, type Profile, type ProfileNode, selfTimes } from './cpu-profile.js'

const ROWS = 24
const WRITES = /^(write(v|Buffer|Latin1String|Utf8String)|writevGeneric|handleWriteReq)$/

/** Microseconds by part. */
function byPart(profile: Profile, from: number, to: number): Map<string, number> {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  )
  /** The part of our program that is nearest on the stack. */
  const partOf = (node: ProfileNode | undefined): string | undefined => {
    for (let at = node; at !== undefined; at = byId.get(parents.get(at.id) ?? -1)) {
      const found = moduleOf(at)
      if (found !== undefined) return found
    }
    return undefined
  }
  const parts = new Map<string, number>()
  for (const [id, spent] of selfTimes(profile, from, to)) {
    const node = byId.get(id) as ProfileNode
    const { functionName } = node.callFrame
    const part = partOf(node)
    const name = functionName.startsWith('(')
      ? functionName
      : part === undefined
        ? 'Node: event loop, streams, timers'
        : WRITES.test(functionName)
          ? `write(2), for ${part.startsWith('http/') ? 'the client' : part.startsWith('wsgi/') ? 'the interpreter' : part}`
          : part.replace(/\/[^/]+$/, '')
    parts.set(name, (parts.get(name) ?? 0) + spent)
  }
  return parts
}

const [file, from = '0', to = 'Infinity'] = process.argv.slice(2)
if (file === undefined) throw new Error('usage: node build/bench/profile.js FILE [FROM-SECONDS [TO-SECONDS]]')
const parts = byPart(JSON.parse(readFileSync(file, 'utf8')) as Profile, Number(from), Number(to))
const all = [...parts.values()].reduce((sum, one) => sum + one, 0)
console.log(`| part | % of ${(all / 1e6).toFixed(2)} s |\n|---|---:|`)
for (const [name, spent] of [...parts].sort(([, a], [, b]) => b - a).slice(0, ROWS))
  console.log(`| ${name} | ${((100 * spent) / all).toFixed(1)} |`)
