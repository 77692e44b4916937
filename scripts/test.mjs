/**
 * Runs the compiled tests, as many files at a time as there are cores:
 *   npm test                        everything
 *   npm test -- test/config         the files whose path contains one of the words
 *   npm test -- --name 'graceful'   the tests whose name matches
 * Says first which Pythons it found, and in the end what was skipped and why. Exits with 0 exactly when nothing failed.
 */
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** Above what the slowest file takes on a small machine: a test that waits for something that never comes must not hang the run. */
const FILE_TIMEOUT_MS = 600_000

const root = fileURLToPath(new URL('..', import.meta.url))
const built = path.join(root, 'build', 'test')
const { values, positionals } = parseArgs({
  options: { name: { type: 'string', short: 'n' }, concurrency: { type: 'string', short: 'j' } },
  allowPositionals: true,
})

const files = collect(built).filter((file) => isAskedFor(file, positionals))
if (files.length === 0) {
  console.error(`No test file matches ${positionals.join(' ') || '(none built)'} in ${built}`)
  process.exit(1)
}
await printPythons()

const skipped = new Map()
const failed = []
const stream = run({
  files,
  concurrency: Number(values.concurrency ?? availableParallelism()),
  timeout: FILE_TIMEOUT_MS,
  ...(values.name === undefined ? {} : { testNamePatterns: [new RegExp(values.name, 'i')] }),
})
stream.on('test:pass', ({ skip }) => {
  if (typeof skip === 'string') skipped.set(skip, (skipped.get(skip) ?? 0) + 1)
})
stream.on('test:fail', ({ name, file, todo }) => {
  if (todo === undefined) failed.push({ name, file })
})
stream.compose(new spec()).pipe(process.stdout)
stream.on('end', () => {
  for (const [reason, count] of skipped) console.log(`skipped: ${count} × ${reason}`)
  process.exitCode = failed.length > 0 ? 1 : 0
})

function collect(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const file = path.join(folder, entry.name)
      return entry.isDirectory() ? collect(file) : entry.name.endsWith('.test.js') ? [file] : []
    })
    .sort()
}

/** Words may name sources or compiled files, whole or in part: `test/config`, `build/test/config/tree.test.js`, `tree`. */
function isAskedFor(file, words) {
  const name = path.relative(path.join(root, 'build'), file).replace(/\.js$/, '')
  return words.length === 0 || words.some((word) => name.includes(normalise(word)))
}

function normalise(word) {
  return word
    .replace(/^\.\//, '')
    .replace(/^build\//, '')
    .replace(/\.(js|ts)$/, '')
}

async function printPythons() {
  const finder = path.join(built, 'support', 'pythons.js')
  if (!existsSync(finder)) return
  const { describePythons } = await import(finder)
  console.log(describePythons())
}
