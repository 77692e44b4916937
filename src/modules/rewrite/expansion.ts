/**
 * Substitutions and test strings: text with `$1`, `%1`, `%{NAME}` and `${map:key|default}`. A backslash makes the next character an ordinary one.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_rewrite.html#rewriterule
 */
import type { RewriteMap } from './maps.js'
import type { RunState } from './run-state.js'
import { compileVariable } from './variables.js'

/** Escapes what a group has found; for the `B` flags. */
export type EscapeGroup = (text: string) => string

/** @throws Waiting where a value takes time */
export type Expansion = (state: RunState, escaping?: EscapeGroup) => string

/** Finds a map by name when a request is there: maps may be declared behind the rules that use them. */
export type MapFinder = (state: RunState, name: string) => RewriteMap | undefined

export function compileExpansion(text: string, findMap: MapFinder): Expansion {
  const parts: (string | Expansion)[] = []
  let literal = ''
  let at = 0
  const add = (part: Expansion): void => {
    if (literal !== '') parts.push(literal)
    literal = ''
    parts.push(part)
  }
  while (at < text.length) {
    const char = text[at] as string
    const next = text[at + 1] ?? ''
    if (char === '\\' && next !== '') {
      literal += next
      at += 2
    } else if ((char === '$' || char === '%') && /\d/.test(next)) {
      add(group(char, Number(next)))
      at += 2
    } else if ((char === '$' || char === '%') && next === '{') {
      const end = closingCurly(text, at + 2)
      if (end < 0) {
        literal += char
        at++
        continue
      }
      const inside = text.slice(at + 2, end)
      add(char === '%' ? compileVariable(inside) : mapLookup(inside, findMap))
      at = end + 1
    } else {
      literal += char
      at++
    }
  }
  if (literal !== '') parts.push(literal)
  const [only] = parts
  if (parts.length === 0) return () => ''
  if (parts.length === 1 && typeof only === 'string') return () => only
  return (state, escaping) => {
    let expanded = ''
    for (const part of parts) expanded += typeof part === 'string' ? part : part(state, escaping)
    return expanded
  }
}

function group(sign: '$' | '%', number: number): Expansion {
  return ({ groups, conditionGroups }, escaping) => {
    const found = (sign === '$' ? groups : conditionGroups)[number] ?? ''
    return escaping === undefined ? found : escaping(found)
  }
}

/** `map:key` or `map:key|default`; key and default are expanded in turn. */
function mapLookup(inside: string, findMap: MapFinder): Expansion {
  const colon = inside.indexOf(':')
  if (colon < 0) return () => ''
  const name = inside.slice(0, colon)
  const bar = barOutsideCurlies(inside, colon + 1)
  const key = compileExpansion(inside.slice(colon + 1, bar < 0 ? undefined : bar), findMap)
  const missing = compileExpansion(bar < 0 ? '' : inside.slice(bar + 1), findMap)
  return (state, escaping) =>
    findMap(state, name)?.lookUp(key(state, escaping), state.request) ?? missing(state, escaping)
}

function closingCurly(text: string, from: number): number {
  let depth = 1
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '{') depth++
    else if (text[at] === '}' && --depth === 0) return at
  }
  return -1
}

function barOutsideCurlies(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '{') depth++
    else if (text[at] === '}') depth--
    else if (text[at] === '|' && depth === 0) return at
  }
  return -1
}
