/**
 * Compiles ahead of time what each start would compile anew, as the processes of a server cannot do it themselves: they have no right to write here.
 *
 * * The Python runtime, by every Python that is found, into the files that it looks for (`__pycache__`). They bear a hash of their source.
 * * The bundled programs (`build/program`): a server is started on the demo, asked, and stopped; at their ends its processes leave what V8 has compiled
 *   until then, see write-cache.cjs. V8 takes it only where version, options and program are the same.
 *
 * Runs after the build, and after the installation of a package. Never fails: without these files a server starts all the same, only later.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const PROGRAM = path.join(root, 'build', 'program')
/** What is not there by then is done without. */
const TRAINING_MAX_MS = 20_000

export async function precompile() {
  compileRuntime()
  if (existsSync(PROGRAM)) await compilePrograms().catch(() => {})
}

/** Given the files as arguments. Python before 3.7 knows time stamps only, which a copy of the files may lose. */
const COMPILE = `
import sys
if sys.version_info >= (3, 7):
    import os, py_compile
    from importlib.util import cache_from_source
    for name in sys.argv[1:]:
        made = cache_from_source(name)
        if not os.path.exists(made) or os.path.getmtime(made) < os.path.getmtime(name):
            py_compile.compile(name, made, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
`

function compileRuntime() {
  const folder = path.join(root, 'runtime', '_wsgi_httpd')
  const sources = readdirSync(folder)
    .filter((name) => name.endsWith('.py'))
    .map((name) => path.join(folder, name))
  for (const python of pythons())
    spawnSync(python, ['-I', '-S', '-c', COMPILE, ...sources], { stdio: 'ignore' })
}

function pythons() {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/bin', '/usr/local/bin'].filter(
    (folder) => path.isAbsolute(folder) && existsSync(folder),
  )
  const found = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^python3(\.\d+)?$/.test(name))
      .map((name) => path.join(folder, name)),
  )
  return new Set(found.filter((file) => existsSync(file)).map((file) => realpathSync(file)))
}

async function compilePrograms() {
  for (const name of readdirSync(PROGRAM).filter((one) => one.includes('.cache')))
    rmSync(path.join(PROGRAM, name))
  const logs = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-'))
  try {
    const port = await freePort()
    const words = ['-f', path.join(root, 'examples/demo/httpd.conf'), '-d', path.join(root, 'examples/demo')]
    const site = [...words, '-C', `Define PORT ${port}`, '-C', `Define LOGS ${logs}`, '-c', 'ServerLimit 1']
    const foreground = command([...site, '-DFOREGROUND'])
    try {
      await visit(port)
    } finally {
      foreground.kill('SIGTERM')
      await over(foreground)
    }
    // the same as a process of its own, which is another program
    await over(command([...site, '-k', 'start']))
    await over(command([...site, '-k', 'stop']))
    await until(() => sizeOf('supervisor-main') > 0 && sizeOf('worker-main') > 0)
    const { fingerprintOf } = createRequire(import.meta.url)(path.join(PROGRAM, 'load-program.js'))
    for (const name of ['main', 'supervisor-main', 'worker-main'])
      if (sizeOf(name) > 0) {
        const fingerprint = fingerprintOf(readFileSync(path.join(PROGRAM, `${name}.program.js`)))
        renameSync(
          path.join(PROGRAM, `${name}.cache.new`),
          path.join(PROGRAM, `${name}.${fingerprint}.cache`),
        )
      }
  } finally {
    rmSync(logs, { recursive: true, force: true })
  }
}

function command(words) {
  const preload = path.join(root, 'scripts', 'write-cache.cjs')
  return spawn(process.execPath, [path.join(root, 'bin', 'wsgi-httpd.js'), ...words], {
    stdio: 'ignore',
    env: { ...process.env, PATH: searchPath(), NODE_OPTIONS: `--require=${JSON.stringify(preload)}` },
  })
}

/** Started as root, the server becomes another user, who may have no way to the Python that root finds first; it would not start then. */
function searchPath() {
  return process.getuid?.() === 0 ? '/usr/local/bin:/usr/bin:/bin' : process.env.PATH
}

/** A page of the application and a file, once the server is there. */
async function visit(port) {
  const signal = AbortSignal.timeout(TRAINING_MAX_MS)
  const asked = (where) => fetch(`http://127.0.0.1:${port}${where}`, { signal }).catch(() => undefined)
  await until(async () => (await asked('/static/')) !== undefined)
  await asked('/')
}

/** Waits for the end of a process, which is ended by force when it takes too long. */
async function over(child) {
  await until(() => child.exitCode !== null || child.signalCode !== null).catch(() => child.kill('SIGKILL'))
}

async function until(condition) {
  for (const end = Date.now() + TRAINING_MAX_MS; !(await condition()); await delay(20))
    if (Date.now() > end) throw new Error('the time is over')
}

function sizeOf(name) {
  return statSync(path.join(PROGRAM, `${name}.cache.new`), { throwIfNoEntry: false })?.size ?? 0
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await precompile()
