#!/usr/bin/env node
/**
 * The launcher. The program is build/src/cli/main.js, which the TypeScript compiler makes of its sources, and build/program/main.js the same in few
 * files (scripts/bundle.mjs), which is read in a third of the time. After a compilation without a bundle the old one is not used.
 */
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const modules = new URL('../build/src/cli/main.js', import.meta.url)
const bundle = new URL('../build/program/main.js', import.meta.url)
const compiled = timeOf(modules)
if (compiled === undefined) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  console.error(`wsgi-httpd: not built yet. Run "npm install && npm run build" in ${root} first.`)
  process.exit(1)
}
const bundled = timeOf(bundle)
const { run } = await import(bundled !== undefined && bundled >= compiled ? bundle.href : modules.href)
await run(process.argv.slice(2))

function timeOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs
}
