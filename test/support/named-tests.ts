/** Pages below `test/` that say which test shows what: a table whose last column names it as `file.test.ts: title`. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { PROJECT } from './server.js'

/**
 * @param page path below `test/`
 * @param isKnown whether a name that is no test of a file (a case of a suite of data) exists
 * @returns how many names the page has, and those that do not exist
 */
export function namedTests(
  page: string,
  isKnown: (name: string) => boolean = () => false,
): { count: number; missing: string[] } {
  const text = readFileSync(path.join(PROJECT, 'test', page), 'utf8')
  const names = [...text.matchAll(/ \| `([^`]+)` \|$/gm)].map(([, name = '']) => name)
  const exists = (name: string): boolean => {
    const [, file, title = ''] = /^(\S+\.test\.ts): (.*)$/.exec(name) ?? []
    if (file === undefined) return isKnown(name)
    return readFileSync(path.join(PROJECT, 'test', file), 'utf8').includes(title)
  }
  return { count: names.length, missing: names.filter((name) => !exists(name)) }
}
