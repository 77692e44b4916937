/**
 * Runs a bundled program (see bundle.mjs) that lies beside this file. Where precompile.mjs has left V8's code cache there, V8 compiles nothing; it looks
 * itself whether the cache is of its own version and of the same options, and else does without it. Of the program it compares the length alone, so
 * the cache's name has a fingerprint, too. Whoever could write a cache could write the program.
 */
const { existsSync, readFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { join } = require('node:path')
const { pathToFileURL } = require('node:url')
const { Script } = require('node:vm')

/** The scripts by their names, for write-cache.cjs. */
const loaded = new Map()

/** Of the text of a program. */
function fingerprintOf(text) {
  return require('node:crypto').createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/**
 * @param fingerprint of the program, from whoever wrote it
 * @returns what the program exports
 */
function load(name, fingerprint) {
  const file = join(__dirname, `${name}.program.js`)
  const cache = join(__dirname, `${name}.${fingerprint}.cache`)
  // The bundle is ASCII, and is read fastest as that
  const source = `(function (module, exports, require, __filename, __dirname, import_meta_url) {${readFileSync(file, 'latin1')}\n})`
  const cachedData = existsSync(cache) ? readFileSync(cache) : undefined
  const script = new Script(source, { filename: file, cachedData })
  loaded.set(name, script)
  const module = { exports: {} }
  const url = pathToFileURL(join(__dirname, `${name}.js`)).href
  script.runInThisContext()(module, module.exports, createRequire(file), file, __dirname, url)
  return module.exports
}

module.exports = { load, loaded, fingerprintOf }
