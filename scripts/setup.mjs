/**
 * Makes a checkout ready to run: installs the packages of the lock file where they are missing or others, and compiles where a source changed.
 * Quiet when there is nothing to do. Runs before `npm start` and `npm test`; `--force` compiles in any case.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { precompile } from './precompile.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const SOURCES = ['src', 'test', 'bench']
const STAMP = path.join(root, 'build', '.sources')

// An installed package has no sources: nothing to set up.
if (existsSync(path.join(root, 'tsconfig.json'))) {
  if (!packagesAreInstalled()) install()
  const inputs = listInputs()
  const stamp = fingerprint(inputs)
  if (process.argv.includes('--force') || readIfThere(STAMP) !== stamp) await compile(inputs, stamp)
}

/**
 * Compares what npm wrote down at its last installation with the lock file. Optional packages are left out: those of other platforms
 * are never installed.
 */
function packagesAreInstalled() {
  const installed = readIfThere(path.join(root, 'node_modules', '.package-lock.json'))
  if (installed === undefined) return false
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages
  const found = JSON.parse(installed).packages
  return Object.entries(wanted).every(
    ([name, one]) => name === '' || one.optional || found[name]?.version === one.version,
  )
}

function install() {
  console.log('Installing packages (npm ci) …')
  call('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
}

async function compile(inputs, stamp) {
  console.log('Compiling (tsc) …')
  removeOrphans(inputs)
  call(process.execPath, [path.join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root])
  const { bundle } = await import('./bundle.mjs')
  await bundle()
  await precompile()
  mkdirSync(path.dirname(STAMP), { recursive: true })
  writeFileSync(STAMP, stamp)
}

/** Compiled files whose source is gone must not be found by the tests. */
function removeOrphans(inputs) {
  const sources = new Set(inputs.map((file) => path.relative(root, file)))
  for (const folder of SOURCES)
    for (const file of walk(path.join(root, 'build', folder))) {
      const source = path.relative(path.join(root, 'build'), file).replace(/\.js(\.map)?$/, '.ts')
      if (!sources.has(source)) rmSync(file)
    }
}

function listInputs() {
  const files = SOURCES.flatMap((folder) => walk(path.join(root, folder))).filter((file) =>
    file.endsWith('.ts'),
  )
  const runtime = walk(path.join(root, 'runtime')).filter((file) => file.endsWith('.py'))
  return [path.join(root, 'tsconfig.json'), path.join(root, 'package-lock.json'), ...runtime, ...files].sort()
}

function fingerprint(files) {
  const hash = createHash('sha256')
  for (const file of files) {
    const { mtimeMs, size } = statSync(file)
    hash.update(`${file} ${mtimeMs} ${size}\n`)
  }
  return hash.digest('hex')
}

function walk(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name)
    return entry.isDirectory() ? walk(file) : [file]
  })
}

function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

function call(command, words) {
  const { status, error } = spawnSync(command, words, { cwd: root, stdio: 'inherit' })
  if (error) console.error(`setup: cannot run ${command}: ${error.message}`)
  if (status !== 0) {
    console.error(`setup: ${path.basename(command)} failed, see above`)
    process.exit(1)
  }
}
