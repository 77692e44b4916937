/**
 * Loaded before a bundled program by precompile.mjs: at the end of the process it writes V8's code cache of the program. The file is opened at the
 * beginning, since a server worker has no right to do so later. The first process of a program is the one that counts.
 */
const { openSync, writeSync } = require('node:fs')
const path = require('node:path')

const folder = path.join(__dirname, '..', 'build', 'program')
const started = path.basename(process.argv[1] ?? '', '.js')
const name = started === 'wsgi-httpd' ? 'main' : started

if (['main', 'supervisor-main', 'worker-main'].includes(name)) {
  const fd = open(path.join(folder, `${name}.cache.new`))
  process.once('exit', () => {
    const script = require.cache[path.join(folder, 'load-program.js')]?.exports.loaded.get(name)
    if (fd !== undefined && script !== undefined) writeSync(fd, script.createCachedData())
  })
}

function open(file) {
  try {
    return openSync(file, 'wx', 0o644)
  } catch {
    return undefined
  }
}
