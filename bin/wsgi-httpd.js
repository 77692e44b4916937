#!/usr/bin/env node
/**
 * The launcher. The program lies in build/src as the TypeScript compiler makes it of its sources, and in build/program as one file (scripts/bundle.mjs),
 * which is read in a fraction of the time. In a checkout, after a compilation without a bundle, the old one is not used; the files of an installed package
 * belong together, and their times say nothing, since npm does not keep them. Where a server is to be started, its first worker starts at once, and loads
 * its part of the program while this process does the same. This file is no ES module: those take Node some milliseconds more.
 */
const { existsSync, statSync } = require('node:fs')
const { join } = require('node:path')

const SOURCES = join(__dirname, '../build/src')
const BUNDLE = join(__dirname, '../build/program')
const words = process.argv.slice(2)

const compiled = timeOf(join(SOURCES, 'cli/main.js'))
if (compiled === undefined) {
  console.error(
    `wsgi-httpd: not built yet. Run "npm install && npm run build" in ${join(__dirname, '..')} first.`,
  )
  process.exit(1)
}
const bundled = timeOf(join(BUNDLE, 'main.js'))
const isCheckout = existsSync(join(__dirname, '../tsconfig.json'))
if (bundled !== undefined && (bundled >= compiled || !isCheckout)) {
  const spare = spareWorker(require(join(BUNDLE, 'spare-worker.js')))
  require(join(BUNDLE, 'main.js')).run(words, spare)
} else runModules()

async function runModules() {
  const spare = spareWorker(await import(join(SOURCES, 'server/spare-worker.js')))
  const { run } = await import(join(SOURCES, 'cli/main.js'))
  await run(words, spare)
}

function spareWorker({ startsServer, startSpareWorker }) {
  return startsServer(words) ? startSpareWorker(false) : undefined
}

function timeOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs
}
