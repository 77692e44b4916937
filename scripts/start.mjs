/**
 * What `npm start` does:
 *   npm start                        the demo of examples/demo
 *   npm start -- app.wsgi [options]  serves that application (wsgi-httpd start-server)
 *   npm start -- -f httpd.conf       anything else goes to wsgi-httpd as it is, in the foreground
 */
import { spawn } from 'node:child_process'
import { existsSync, realpathSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { isReachableByOthers, reachableInstallation } from './reachable.mjs'

const root = reachableInstallation()
const FIRST_PORT = 8080
const PORTS_TO_TRY = 20

process.exitCode = await serve(await wordsFor(process.argv.slice(2)))

async function wordsFor(words) {
  const [first] = words
  if (first === undefined) return await demo()
  if (isApplication(first)) return ['start-server', ...words]
  const controls = words.some((word) => /^-(k|t|S|M|l|L|v|V|h|-help)/.test(word))
  return first.startsWith('-') && !controls ? ['-DFOREGROUND', ...words] : words
}

function isApplication(word) {
  return /\.(wsgi|py)$/.test(word) && existsSync(word) && statSync(word).isFile()
}

async function demo() {
  const port = process.env.PORT ?? String(await freePort())
  const folder = path.join(root, 'examples', 'demo')
  console.log(`The demo of ${folder} (Ctrl-C ends it):
  http://localhost:${port}/           an application in a daemon process
  http://localhost:${port}/embedded   the same application inside the server process
  http://localhost:${port}/static/    files
`)
  return ['-d', folder, '-f', 'httpd.conf', '-DFOREGROUND', '-C', `Define PORT ${port}`, ...pythonHome()]
}

/** As root the demo runs as `nobody`: where the first python3 of PATH is closed to that account, the system's is taken. */
function pythonHome() {
  if (process.getuid?.() !== 0) return []
  const first = process.env.PATH.split(':')
    .map((folder) => path.join(folder, 'python3'))
    .find((file) => existsSync(file))
  if (first === undefined || isReachableByOthers(realpathSync(first)) || !existsSync('/usr/bin/python3'))
    return []
  return ['-C', 'WSGIPythonHome /usr']
}

/** The first port from 8080 on that nobody listens on; with 20 in use the server may say so itself. */
async function freePort() {
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS_TO_TRY; port++) if (await canListen(port)) return port
  return FIRST_PORT
}

function canListen(port) {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

/** Runs the server and passes signals on, so that `kill` of this process stops it in order. */
function serve(words) {
  const child = spawn(process.execPath, [path.join(root, 'bin', 'wsgi-httpd.js'), ...words], {
    stdio: 'inherit',
  })
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR1']) process.on(signal, () => child.kill(signal))
  // A terminal sends Ctrl-C to both of us.
  process.on('SIGINT', () => {})
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? 1 : (code ?? 1)))
  })
}
