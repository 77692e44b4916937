import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

/** From build/test up to the checkout's sources. */
const SOURCES = fileURLToPath(new URL('../../src', import.meta.url))

/**
 * The layers of docs/architecture.md, uppermost first: a file may use what stands below it. `config` and `log` are known to all and know none.
 * Types may be imported from above (a hook is given a Request); code may not.
 */
const LAYERS = ['cli', 'server', 'request', 'modules', 'wsgi', 'python']
const FOUNDATION = ['config', 'log']

interface Import {
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
      const to = path.join(path.dirname(name), target)
      const inner = /^\{([^}]*)\}$/s.exec(names.trim())?.[1]
      const allTypes =
        inner?.split(',').every((one) => one.trim() === '' || one.trim().startsWith('type ')) ?? false
      found.push({ from: name, to, typeOnly: type !== undefined || allTypes })
    }
  }
  return found
}

const layerOf = (file: string) => file.split(path.sep)[0] as string

test('imports point one way', () => {
  const wrong = imports().filter(({ from, to, typeOnly }) => {
    const [upper, lower] = [layerOf(from), layerOf(to)]
    if (upper === lower || FOUNDATION.includes(lower) || typeOnly)
      return FOUNDATION.includes(upper) && LAYERS.includes(lower) && !isRequestType(to, typeOnly)
    if (FOUNDATION.includes(upper)) return true
    const [at, target] = [LAYERS.indexOf(upper), LAYERS.indexOf(lower)]
    return at >= 0 && target >= 0 && target < at
  })
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  )
})

function isRequestType(file: string, typeOnly: boolean): boolean {
  return typeOnly && layerOf(file) === 'request'
}

test('no file is imported in a circle', () => {
  const graph = new Map<string, string[]>()
  for (const { from, to, typeOnly } of imports()) {
    if (typeOnly) continue
    const key = from.replace(/\.ts$/, '')
    graph.set(key, [...(graph.get(key) ?? []), to.replace(/\.js$/, '')])
  }
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file)
    if (at >= 0) {
      circles.push([...way.slice(at), file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...way, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  assert.deepEqual(circles, [])
})
