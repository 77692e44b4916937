/**
 * `RewriteMap`: what a key stands for, from a text file, a program or a function of this server.
 * Manual: https://httpd.apache.org/docs/2.4/rewrite/rewritemap.html
 */
import { readFileSync, statSync } from 'node:fs'
import type { Command } from '../../config/directive.js'
import { pathBytes } from '../../config/files.js'
import { awaited } from '../../expr/evaluation.js'
import type { Request } from '../../request/request.js'
import { versionOf } from '../../system/file-version.js'
import { escapePath } from '../url-text.js'
import { MapProgram } from './map-program.js'

export interface RewriteMap {
  /** undefined where the key stands for nothing. @throws Waiting where it takes time */
  lookUp(key: string, request: Request): string | undefined
}

const FUNCTIONS: Readonly<Record<string, (key: string) => string>> = {
  tolower: (key) => key.toLowerCase(),
  toupper: (key) => key.toUpperCase(),
  escape: escapePath,
  unescape: (key) =>
    key.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
}

/** Reads `type:source`. Faults end in `cmd.fail`. */
export function parseMap(cmd: Command, name: string, source: string): RewriteMap {
  const [, type = 'txt', rest = ''] = /^(txt|rnd|int|prg|dbm(?:=\w+)?|dbd|fastdbd):(.*)$/s.exec(source) ?? [
    '',
    'txt',
    source,
  ]
  switch (type) {
    case 'int': {
      const call = Object.hasOwn(FUNCTIONS, rest) ? FUNCTIONS[rest] : undefined
      if (call === undefined) return cmd.fail(`RewriteMap: internal map not found:${rest}`)
      return { lookUp: (key) => call(key) }
    }
    case 'prg':
      return programMap(cmd, name, rest)
    case 'txt':
    case 'rnd': {
      const path = cmd.resolve(rest)
      if (statSync(pathBytes(path), { throwIfNoEntry: false }) === undefined)
        cmd.fail(`RewriteMap: file for map ${name} not found:${path}`)
      return new TextMap(name, path, type === 'rnd')
    }
    default:
      return cmd.fail(
        `RewriteMap: maps of type ${type} are not supported: write the map as text (txt:), or let a program look it up (prg:)`,
      )
  }
}

function programMap(cmd: Command, name: string, source: string): RewriteMap {
  const [program = '', ...args] = cmd.words(source)
  if (program === '') cmd.fail(`RewriteMap: the program of map ${name} is missing`)
  const path = cmd.resolve(program)
  if (statSync(pathBytes(path), { throwIfNoEntry: false }) === undefined)
    cmd.fail(`RewriteMap: file for map ${name} not found:${path}`)
  const running = new MapProgram(name, [path, ...args])
  return {
    lookUp: (key, request) =>
      awaited(request, `RewriteMap ${name} ${path} ${key}`, () => running.ask(key, request)),
  }
}

/** A text file: a key and its value in each line. Read again when it has changed. */
class TextMap implements RewriteMap {
  #version: string | undefined
  #text = ''
  #values: ReadonlyMap<string, string> = new Map()

  constructor(
    readonly name: string,
    readonly path: string,
    /** Values are alternatives with `|` between them. */
    readonly random: boolean,
  ) {}

  lookUp(key: string, request: Request): string | undefined {
    try {
      this.#update()
    } catch (error) {
      request.report(
        'rewrite',
        'error',
        `mod_rewrite: can't access text RewriteMap file ${this.path}: ${(error as Error).message}`,
        'AH00656',
      )
      return undefined
    }
    const value = this.#values.get(key)
    if (value === undefined || !this.random || !value.includes('|')) return value
    const choices = value.split('|')
    return choices[Math.floor(Math.random() * choices.length)]
  }

  #update(): void {
    const path = pathBytes(this.path)
    const version = versionOf(statSync(path))
    if (version !== undefined && version === this.#version) return
    const text = readFileSync(path, 'latin1')
    if (text !== this.#text) {
      this.#values = parseTextMap(text)
      this.#text = text
    }
    this.#version = version
  }
}

/** The first line of a key counts. Exported for tests. */
export function parseTextMap(text: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue
    const [key = '', value] = line.trim().split(/\s+/, 2)
    if (value !== undefined && !values.has(key)) values.set(key, value)
  }
  return values
}
