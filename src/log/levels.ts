/**
 * `LogLevel`: a level for everything and levels for single modules, per server and per directory.
 * https://httpd.apache.org/docs/2.4/mod/core.html#loglevel
 */
import { LEVELS } from './error-log.js'

/** What the `LogLevel` lines of one scope say. */
export interface LogLevels {
  /** Index into LEVELS. */
  readonly level: number
  /** By short module name. */
  readonly modules: ReadonlyMap<string, number>
}

export const NOTICE = LEVELS.indexOf('notice')
export const DEBUG = LEVELS.indexOf('debug')

const NUMBERS: ReadonlyMap<string, number> = new Map(LEVELS.map((level, index) => [level, index]))

/** The number of a level; undefined where the word is none. Case does not matter. */
export function levelNumber(word: string): number | undefined {
  return NUMBERS.get(word) ?? NUMBERS.get(word.toLowerCase())
}

/** `wsgi`, `wsgi_module` and `mod_wsgi.c` are the same module. */
export function shortModuleName(name: string): string {
  return name
    .toLowerCase()
    .replace(/^(?:mod_)?(.+)\.c$/, '$1')
    .replace(/_module$/, '')
}

/** An inner scope over an outer one. A bare level in the inner scope ends the outer scope's per-module levels. */
export function mergeLevels(
  base: Readonly<Partial<LogLevels>>,
  added: Readonly<Partial<LogLevels>>,
): Partial<LogLevels> {
  if (added.level !== undefined) return added
  if (added.modules === undefined) return base
  return { ...base, modules: new Map([...(base.modules ?? []), ...added.modules]) }
}

/** Whether a record is written. Notices of start and stop are, always: httpd lets every record of exactly that level through. */
export function admits(levels: LogLevels, module: string, level: number): boolean {
  return level === NOTICE || level <= (levels.modules.get(module) ?? levels.level)
}
