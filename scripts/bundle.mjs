/**
 * Puts the compiled modules (build/src) together in one file for each program (build/program): reading some 400 modules takes a process a quarter
 * of a second, and a start waits for several processes. Names and lines stay legible, for stacks in the error log. How such a file is run is
 * told in scripts/load-program.cjs; `precompile.mjs` makes their code caches.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import loader from './load-program.cjs'

const { fingerprintOf } = loader
const root = fileURLToPath(new URL('..', import.meta.url))
const OUT = path.join(root, 'build', 'program')

/** Programs that processes and threads are started with. They find each other as siblings, as they do unbundled. */
const ENTRIES = [
  'cli/main',
  'server/supervisor-main',
  'server/worker-main',
  'server/spare-worker',
  'server/launch',
  'modules/authn-file/hash-thread',
]

/** Modules of Node's that hardly any start needs, or only later: read when something of theirs is first used. */
const LATE = [
  'crypto',
  'dns/promises',
  'fs/promises',
  'http',
  'http2',
  'https',
  'readline',
  'timers/promises',
  'tls',
  'v8',
  'worker_threads',
  'zlib',
]

export async function bundle() {
  const { build } = await import('esbuild')
  rmSync(OUT, { recursive: true, force: true })
  mkdirSync(OUT, { recursive: true })
  await build({
    entryPoints: ENTRIES.map((entry) => path.join(root, 'build', 'src', `${entry}.js`)),
    entryNames: '[name].program',
    outdir: OUT,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    define: { 'import.meta.url': 'import_meta_url' },
    plugins: [late, finished],
    logLevel: 'warning',
  })
  writeFileSync(path.join(OUT, 'package.json'), '{ "type": "commonjs" }\n')
  copyFileSync(path.join(root, 'scripts', 'load-program.cjs'), path.join(OUT, 'load-program.js'))
  for (const entry of ENTRIES) {
    const name = path.basename(entry)
    const fingerprint = fingerprintOf(readFileSync(path.join(OUT, `${name}.program.js`)))
    const stub = `module.exports = require('./load-program.js').load('${name}', '${fingerprint}')\n`
    writeFileSync(path.join(OUT, `${name}.js`), stub)
  }
}

/** Puts an object with getters in the place of each of these modules. */
const late = {
  name: 'late modules of Node',
  setup(build) {
    build.onResolve({ filter: new RegExp(`^node:(${LATE.join('|')})$`) }, ({ path: name, namespace }) =>
      namespace === 'late' ? undefined : { path: name, namespace: 'late' },
    )
    build.onLoad({ filter: /.*/, namespace: 'late' }, async ({ path: name }) => {
      const names = Object.keys(await import(name)).filter((one) => one !== 'default')
      const getters = names.map((one) => `get ${one}() { return it().${one} }`)
      const contents = `let known\nconst it = () => (known ??= require('${name}'))\nmodule.exports = { ${getters.join(',\n')} }`
      return { contents, loader: 'js' }
    })
  },
}

/** Runs the module of the built-in media types now, so that no start has to. */
const finished = {
  name: 'finished table of media types',
  setup(build) {
    build.onLoad({ filter: /[/\\]built-in-types\.js$/ }, async ({ path: file }) => {
      const { builtInTypes } = await import(pathToFileURL(file).href)
      const table = JSON.stringify(JSON.stringify(builtInTypes()))
      return { contents: `export const builtInTypes = () => JSON.parse(${table})`, loader: 'js' }
    })
  },
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle()
