/** What is packed is what a TypeScript project can use: it compiles a consumer against it, strictly, and runs that. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { findPython, skipWithout } from '../support/pythons.js'
import { PROJECT } from '../support/server.js'
import { folder } from './support.js'

const CONSUMER = `
import { createServer, type RequestListener } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type LogRecord, type MountedApplication, type MountOptions, mount, OptionError, type RunningServer, serve, StartError } from 'wsgi-httpd'

// as Express types a middleware
interface ExpressRequest extends InstanceType<typeof import('node:http').IncomingMessage> { baseUrl: string; originalUrl: string }
interface ExpressResponse extends InstanceType<typeof import('node:http').ServerResponse> { locals: object }
type Middleware = (request: ExpressRequest, response: ExpressResponse, next: (error?: any) => void) => void

const records: LogRecord[] = []
const options: MountOptions = {
  application: new URL('./app.wsgi', import.meta.url),
  python: process.env.PYTHON_FOR_TEST,
  threads: undefined,
  env: { ONE: 'two', PATH: process.env.PATH },
  log: (record) => void records.push(record),
}
// @ts-expect-error options are typed
const wrong: MountOptions = { application: 'app.wsgi', processes: '2' }

const app: MountedApplication = await mount(options)
const middleware: Middleware = app.handler
const listener: RequestListener = app.handler
createSecureServer({}, app.handler).close()
app.on('processExit', ({ pid, cause }) => void [pid.toFixed(), cause.length])
const server = createServer(listener)
await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
const response = await fetch('http://127.0.0.1:' + (server.address() as AddressInfo).port)
console.log(await response.text(), app.status().processes[0]?.state, typeof middleware)
server.close()
server.closeAllConnections()
await app.close()
await mount(wrong).catch((error: unknown) => console.log(error instanceof OptionError && error.option))
const start: Promise<RunningServer> = serve({ configuration: 'Nonsense', output: () => {} })
await start.catch((error: unknown) => console.log(error instanceof StartError && error.code))
`

const TSCONFIG = {
  compilerOptions: {
    target: 'ES2022',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    types: ['node'],
    lib: ['ES2022'],
  },
  files: ['consumer.ts'],
}

const APP = `
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'from the package']
`

test('a consumer of the packed package', { skip: skipWithout('3') }, () => {
  const directory = folder({
    'package.json': '{ "type": "module", "private": true }',
    'tsconfig.json': JSON.stringify(TSCONFIG),
    'consumer.ts': CONSUMER,
    'app.wsgi': APP,
  })
  try {
    install(directory)
    const modules = path.join(PROJECT, 'node_modules')
    const compiler = path.join(modules, 'typescript', 'bin', 'tsc')
    run(process.execPath, [compiler, '-p', directory], directory)
    const said = run(process.execPath, [path.join(directory, 'consumer.js')], directory)
    assert.equal(said, 'from the package ready function\nprocesses\nERR_WSGI_HTTPD_START\n')
  } finally {
    rmSync(directory, { recursive: true })
  }
})

/** As a service has it whose dependencies bring the package, too. */
const TWICE = `
import { mount } from 'wsgi-httpd'
import { mount as another } from '${new URL('../../src/index.js', import.meta.url).href}'

const options = { application: 'app.wsgi', python: process.env.PYTHON_FOR_TEST }
const both = [await mount(options), await another(options)]
console.log(mount !== another, ...both.map((app) => app.status().processes[0].state))
for (const app of both) await app.close()
`

test('two copies of the package in one process', { skip: skipWithout('3') }, () => {
  const directory = folder({ 'twice.mjs': TWICE, 'app.wsgi': APP })
  try {
    install(directory)
    const said = run(process.execPath, [path.join(directory, 'twice.mjs')], directory)
    assert.equal(said, 'true ready ready\n')
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('the bundle of an installed package is run, whatever times npm has given its files', () => {
  const directory = folder({})
  try {
    install(directory)
    const installed = path.join(directory, 'node_modules', 'wsgi-httpd')
    writeFileSync(path.join(installed, 'build', 'src', 'cli', 'main.js'), 'throw new Error("a module")')
    assert.match(
      run(process.execPath, [path.join(installed, 'bin', 'wsgi-httpd.js'), '-v'], directory),
      /^Server version/,
    )
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('code that a bundler has taken elsewhere says what to do', async () => {
  const directory = folder({ 'package.json': '{ "type": "module" }' })
  const file = path.join(directory, 'package-root.js')
  copyFileSync(new URL('../../src/system/package-root.js', import.meta.url), file)
  await assert.rejects(import(file), /a bundler cannot take it in, .* mark the package as external/)
  rmSync(directory, { recursive: true })
})

test('links in the documentation of an installed package lead somewhere', () => {
  const directory = folder({})
  try {
    install(directory)
    const installed = path.join(directory, 'node_modules', 'wsgi-httpd')
    const pages = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.md'),
    )
    assert.ok(pages.includes('README.md') && pages.includes('docs/api.md'))
    for (const page of pages) {
      const text = readFileSync(path.join(installed, page), 'utf8').replace(/```.*?```|`[^`\n]*`/gs, '')
      for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)/g))
        if (!/^https?:/.test(target))
          assert.ok(existsSync(path.join(installed, path.dirname(page), target)), `${page}: ${target}`)
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
})

/** Unpacks what `npm pack` would publish, beside the dependencies of this checkout. */
function install(directory: string): void {
  const packed = run(
    'npm',
    ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory],
    PROJECT,
  )
  const archive = path.join(directory, packed.trim().split('\n').at(-1) as string)
  const target = path.join(directory, 'node_modules')
  mkdirSync(path.join(target, 'wsgi-httpd'), { recursive: true })
  run('tar', ['-xzf', archive, '-C', path.join(target, 'wsgi-httpd'), '--strip-components=1'], directory)
  const modules = path.join(PROJECT, 'node_modules')
  for (const name of readdirSync(modules))
    if (!name.startsWith('.')) symlinkSync(path.join(modules, name), path.join(target, name))
}

function run(program: string, words: readonly string[], cwd: string): string {
  const env = { ...process.env, PYTHON_FOR_TEST: findPython('3')?.home }
  try {
    return execFileSync(program, words, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${program} ${words.join(' ')}:\n${stdout}${stderr}`)
  }
}
