/**
 * What the HTTP front costs: a trivial handler behind it against the same answer from bare `node:http`, in requests per second and CPU
 * microseconds of the server per request. Needs `wrk`.
 *
 *     node build/bench/request.js [rounds] [connections]
 *
 * The server runs in a child process, so that the numbers of `process.cpuUsage` are its own.
 */
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import { promisify } from 'node:util'
import { applyTree } from '../src/config/apply.js'
import { readTree } from '../src/config/reader.js'
import { modules } from '../src/modules/index.js'
import type { HttpdModule } from '../src/modules/module.js'
import { ModuleRegistry } from '../src/modules/module-registry.js'
import { createHttpServer } from '../src/request/http-server.js'
import { phaseTable } from '../src/request/process.js'
import { sendWhole } from '../src/request/response.js'

const BODY = Buffer.from('Hello World!\n')
const CONF = `ServerName localhost
DocumentRoot /tmp
<Directory />
  Require all granted
</Directory>
<VirtualHost *:*>
  ServerName www.example.com
</VirtualHost>
`

const subjects: Readonly<Record<string, () => Server>> = {
  'node:http': bare,
  'front, core alone': () => front([]),
  'front, all modules': () => front(modules.filter(({ id }) => !/log_config|logio|status/.test(id))),
}

function bare(): Server {
  return createServer((_request, response) => {
    response.writeHead(200, ['Content-Type', 'text/plain', 'Content-Length', String(BODY.length)])
    response.end(BODY)
  })
}

/** The handler takes a path below a file that exists, as a WSGI alias does. */
function front(carried: readonly HttpdModule[]): Server {
  const all = new ModuleRegistry(modules)
  const file = '/bench.conf'
  const files = { read: () => CONF, list: () => [], isDirectory: () => false, exists: () => true }
  const tree = readTree({ file, serverRoot: '/', environment: {}, vocabulary: all, files })
  const { site, errors } = applyTree(tree, all, { environment: {} })
  if (errors.length > 0) throw errors[0]
  const hello: HttpdModule = {
    id: 'hello_module',
    source: 'mod_hello.c',
    directives: [],
    hooks: {
      translateName: (request) => {
        request.filename = process.execPath + request.path
        request.handler = 'hello'
        return 'ok'
      },
      handler: (request) => {
        if (request.handler !== 'hello') return undefined
        request.headersOut.fields.push('Content-Type', 'text/plain', 'Content-Length', String(BODY.length))
        sendWhole(request, BODY)
        return 'done'
      },
    },
  }
  const log = { request() {}, server() {}, admits: () => false }
  const listener = { host: '127.0.0.1', port: 0 }
  return createHttpServer(site, phaseTable([...carried, hello]), { errorLogFor: () => log }, listener)
}

/** In the child: serves until asked how much processor time was used. */
async function serve(name: string): Promise<void> {
  const server = (subjects[name] as () => Server)()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  let before = process.cpuUsage()
  process.on('message', (message) => {
    if (message === 'begin') before = process.cpuUsage()
    else process.send?.(process.cpuUsage(before))
  })
  process.send?.((server.address() as AddressInfo).port)
}

interface Result {
  rate: number
  cpu: number
  failed: string
}

/** One short run against a child that serves already. */
async function measure(child: ChildProcess, port: number, connections: number): Promise<Result> {
  child.send('begin')
  const { stdout } = await promisify(execFile)('wrk', [
    '-t1',
    `-c${connections}`,
    '-d1s',
    '-H',
    'Host: www.example.com',
    `http://127.0.0.1:${port}/some/path?a=b`,
  ])
  child.send('end')
  const { user, system } = await answer<NodeJS.CpuUsage>(child)
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1])
  return {
    rate: Number(/Requests\/sec:\s*([\d.]+)/.exec(stdout)?.[1]),
    cpu: (user + system) / requests,
    failed: /Non-2xx[^\n]*|Socket errors[^\n]*/.exec(stdout)?.[0] ?? '',
  }
}

/** Takes turns between the subjects, so that whatever else the machine does hits all alike, and keeps the best run of each. */
async function compare(rounds: number, connections: number): Promise<void> {
  const names = Object.keys(subjects)
  const children = names.map((name) => fork(new URL(import.meta.url), ['serve', name]))
  const ports = await Promise.all(children.map((child) => answer<number>(child)))
  const best: Result[] = names.map(() => ({ rate: 0, cpu: Number.POSITIVE_INFINITY, failed: '' }))
  for (let round = 0; round <= rounds; round++)
    for (const [at, child] of children.entries()) {
      const result = await measure(child, ports[at] as number, connections)
      const kept = best[at] as Result
      // the first round only warms up
      if (round === 0) continue
      best[at] = {
        rate: Math.max(kept.rate, result.rate),
        cpu: Math.min(kept.cpu, result.cpu),
        failed: result.failed || kept.failed,
      }
    }
  for (const child of children) child.kill()
  for (const [at, { rate, cpu, failed }] of best.entries())
    console.log(
      `${names[at]?.padEnd(22)} ${rate.toFixed(0).padStart(8)} requests/s  ${cpu.toFixed(2).padStart(6)} µs CPU  ${failed}`,
    )
}

async function answer<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message')
  return message as T
}

const [first = '10', second = '64'] = process.argv.slice(2)
if (first === 'serve') await serve(second)
else await compare(Number(first), Number(second))
