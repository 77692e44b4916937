#!/usr/bin/env node
/**
 * The launcher: everything is in build/src/cli/main.js, which the TypeScript compiler makes.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const main = new URL('../build/src/cli/main.js', import.meta.url)
if (!existsSync(main)) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  console.error(`wsgi-httpd: not built yet. Run "npm install && npm run build" in ${root} first.`)
  process.exit(1)
}
const { run } = await import(main.href)
await run(process.argv.slice(2))
