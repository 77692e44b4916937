/**
 * Puts the compiled modules (build/src) together in few files (build/program): reading some 400 modules takes a process a quarter of a second,
 * and a start waits for two processes, one after the other. Names and lines stay legible, for stacks in the error log.
 */
import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const OUT = path.join(root, 'build', 'program')

/** Programs that processes and threads are started with. They find each other as siblings, as they do unbundled. */
const ENTRIES = [
  'cli/main',
  'server/supervisor-main',
  'server/worker-main',
  'server/launch',
  'modules/authn-file/hash-thread',
]

export async function bundle() {
  const { build } = await import('esbuild')
  rmSync(OUT, { recursive: true, force: true })
  await build({
    entryPoints: ENTRIES.map((entry) => path.join(root, 'build', 'src', `${entry}.js`)),
    entryNames: '[name]',
    outdir: OUT,
    bundle: true,
    // what processes share is in files that they share
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
  })
  if (!existsSync(path.join(OUT, 'main.js'))) throw new Error(`esbuild left no ${OUT}/main.js`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle()
