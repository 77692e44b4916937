import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

/** From build/test up to the checkout's sources. */
const SOURCES = fileURLToPath(new URL('../../src', import.meta.url))

/**
 * The layers of docs/architecture.md, uppermost first: a file may use what stands below it. Types may be imported from above (a hook is given a
 * Request); code may not.
 */
const LAYERS = ['api', 'cli', 'server', 'request', 'modules', 'wsgi', 'python']
/** Known to all layers, knowing none: of requests they know the type alone. */
const FOUNDATION = ['config', 'http', 'log', 'system']
/** Not code of a layer but facts that all may read: what directives have set. */
const FACTS = /^(modules\/(.+\/)?settings|modules\/mpm|modules\/self-url)\.js$/
/** What makes responses of its own: the WSGI gateway, the proxy, the status page, listings, type maps. */
const HANDLERS =
  /^(wsgi\/|modules\/proxy\/|modules\/(status|autoindex)\.ts$|modules\/status\/|modules\/negotiation\/map-handler\.ts$)/
/** What the life of a request offers to them. */
const FOR_HANDLERS =
  /^request\/(body|headers|response|process|server-tokens|static-bytes|url-path|walk\/anchor)\.js$/

interface Import {
  /** Paths under src; `from` ends in .ts, `to` in .js. */
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

function imports(): Import[] {
  const found: Import[] = []
  for (const name of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const text = readFileSync(path.join(SOURCES, name), 'utf8')
    for (const [, type, names = '', target = ''] of text.matchAll(
      /^(?:im|ex)port (type )?([^'"]*?) ?from '(\.[^']*)'/gm,
    )) {
      const inner = /^\{([^}]*)\}$/s.exec(names.trim())?.[1]
      const allTypes = inner?.split(',').every((one) => /^\s*(type\s|$)/.test(one)) ?? false
      found.push({
        from: name,
        to: path.join(path.dirname(name), target),
        typeOnly: type !== undefined || allTypes,
      })
    }
  }
  return found
}

const layerOf = (file: string) => file.split(path.sep)[0] as string

/** Whether the file may import that one. */
function isAllowed({ from, to, typeOnly }: Import): boolean {
  const [upper, lower] = [layerOf(from), layerOf(to)]
  if (upper === lower || FOUNDATION.includes(lower)) return true
  if (FOUNDATION.includes(upper)) return typeOnly && lower === 'request'
  if (typeOnly || FACTS.test(to)) return true
  if (HANDLERS.test(from) && FOR_HANDLERS.test(to)) return true
  const [at, target] = [LAYERS.indexOf(upper), LAYERS.indexOf(lower)]
  // `src/index.ts` and folders that are no layer are free.
  return at < 0 || target < 0 || target > at
}

test('imports point one way', () => {
  const wrong = imports().filter((one) => !isAllowed(one))
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  )
})

test('no circle of imports leads through several layers', () => {
  const graph = new Map<string, string[]>()
  for (const { from, to, typeOnly } of imports()) {
    if (typeOnly) continue
    const file = from.replace(/\.ts$/, '')
    graph.set(file, [...(graph.get(file) ?? []), to.replace(/\.js$/, '')])
  }
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, way: readonly string[]): void => {
    const circle = way.slice(way.indexOf(file))
    if (way.includes(file)) {
      if (new Set(circle.map(layerOf)).size > 1) circles.push([...circle, file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...way, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  assert.deepEqual(circles, [])
})
