#!/usr/bin/env node
/**
 * The launcher. The program is build/src/cli/main.js, which the TypeScript compiler makes of its sources, and build/program/main.js the same in one
 * file (scripts/bundle.mjs), which is read in a fraction of the time. After a compilation without a bundle the old one is not used. This
 * file is no ES module: those take Node some milliseconds more.
 */
const { statSync } = require('node:fs')
const { join } = require('node:path')

const modules = join(__dirname, '../build/src/cli/main.js')
const bundle = join(__dirname, '../build/program/main.js')
const compiled = timeOf(modules)
const bundled = timeOf(bundle)
if (compiled === undefined) {
  console.error(
    `wsgi-httpd: not built yet. Run "npm install && npm run build" in ${join(__dirname, '..')} first.`,
  )
  process.exit(1)
}
if (bundled !== undefined && bundled >= compiled) require(bundle).run(process.argv.slice(2))
else import(modules).then(({ run }) => run(process.argv.slice(2)))

function timeOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs
}
