/** Opening the logs of whole sites, and what reaches which file. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Settings } from '../../src/config/settings.js'
import { checkLogDirectories, logDestinations } from '../../src/log/destination.js'
import { serverRecord } from '../../src/log/error-log.js'
import { LogOpenError, openLogs } from '../../src/log/logs.js'
import { startPipedProgram } from '../../src/log/piped.js'
import { formatRecord, stderrLog } from '../../src/log/server-log.js'
import { logConfig, logio } from '../../src/modules/log-config.js'
import { applyLines, makeRequest, makeSite, names, temporaryDirectory } from './support.js'

function read(...path: string[]): string {
  return readFileSync(join(...path), 'latin1')
}

/** Without times and process ids. */
function plain(text: string): string {
  return text.replace(/^\[[^\]]*\d{4}\] /gm, '').replace(/ \[pid \d+:tid \d+\]/g, '')
}

test('a virtual host without ErrorLog writes to the main log; equal destinations are opened once', (t) => {
  const root = temporaryDirectory(t)
  const site = makeSite(
    root,
    'ErrorLog main.log',
    `ErrorLog own.log\nLogLevel info`,
    '',
    `ErrorLog ${join(root, 'own.log')}`,
  )
  const [own, inheriting, same] = site.virtualHosts as [never, never, never]
  const logs = openLogs(site, { names })
  logs.errorLogFor(site.main).server('core', 'error', 'm')
  logs.errorLogFor(own).server('core', 'info', 'o')
  logs.errorLogFor(inheriting).server('core', 'info', 'not admitted')
  logs.errorLogFor(inheriting).server('core', 'warn', 'i', 'AH1')
  logs.errorLogFor(same).server('core', 'error', 's')
  logs.close()
  assert.equal(plain(read(root, 'main.log')), '[core:error] m\n[core:warn] AH1: i\n')
  assert.equal(plain(read(root, 'own.log')), '[core:info] o\n[core:error] s\n')
  assert.deepEqual(
    logs.destinations().map(({ text, at }) => [text, at?.line]),
    [
      ['main.log', 1],
      ['own.log', 1],
    ],
  )
})

test('LogLevel per module and per directory', (t) => {
  const root = temporaryDirectory(t)
  const site = makeSite(root, 'ErrorLog e\nLogLevel error wsgi:info')
  const logs = openLogs(site)
  const log = logs.errorLogFor(site.main)
  const place = new Settings()
  applyLines('LogLevel authz_core:debug', { server: site.main.settings, dir: place, context: 'directory' })
  const quiet = new Settings()
  applyLines('LogLevel crit', { server: site.main.settings, dir: quiet, context: 'directory' })
  const here = makeRequest({ set: (request) => Object.assign(request, { dir: place }) })
  const there = makeRequest({ set: (request) => Object.assign(request, { dir: quiet }) })
  const elsewhere = makeRequest()

  assert.equal(log.admits('authz_core', 'debug', here), true)
  assert.equal(log.admits('authz_core', 'debug', elsewhere), false)
  assert.equal(log.admits('wsgi', 'info', here), true)
  assert.equal(log.admits('wsgi', 'info', there), false)
  assert.equal(log.admits('wsgi', 'info'), true)
  assert.equal(log.admits('core', 'warn', here), false)
  log.request(here, 'authz_core', 'debug', 'written', 'AH01626')
  log.request(elsewhere, 'authz_core', 'debug', 'not written')
  log.request(there, 'core', 'notice', 'notices always are')
  logs.close()
  assert.equal(
    plain(read(root, 'e')),
    '[authz_core:debug] [client 192.0.2.1:5060] AH01626: written\n[core:notice] [client 192.0.2.1:5060] notices always are\n',
  )
})

test('lines once per connection and per request come before the first record', (t) => {
  const root = temporaryDirectory(t)
  const site = makeSite(
    root,
    'ErrorLog e\nErrorLogFormat "%M"\nErrorLogFormat connection "conn %{c}L"\nErrorLogFormat request "req %+{UA}i"',
  )
  const logs = openLogs(site)
  const log = logs.errorLogFor(site.main)
  const first = makeRequest({ headers: ['UA', 'me'] })
  const second = makeRequest({ headers: ['UA', 'you'] })
  Object.assign(second, { connection: first.connection, prev: undefined })
  const redirected = makeRequest({ headers: ['UA', 'me'] })
  Object.assign(redirected, { connection: first.connection, prev: first })
  for (const request of [first, first, redirected, second]) log.request(request, 'core', 'error', 'x')
  log.server('core', 'error', 'server')
  logs.close()
  assert.equal(read(root, 'e'), 'conn CONN\nreq me\nx\nx\nx\nreq you\nx\nserver\n')
})

test('records of other processes, of system errors, and those that must be written', (t) => {
  const root = temporaryDirectory(t)
  const site = makeSite(root, 'ErrorLog e\nLogLevel crit')
  const logs = openLogs(site)
  const log = logs.errorLogFor(site.main)
  serverRecord(log, { module: 'wsgi', level: 'error', message: 'from\nPython', pid: 7, tid: 8, always: true })
  serverRecord(log, { module: 'wsgi', level: 'error', message: 'filtered' })
  serverRecord(log, { module: 'core', level: 'crit', message: 'm', cause: { errno: -28 } })
  logs.close()
  assert.match(
    read(root, 'e'),
    /^\[.*\] \[wsgi:error\] \[pid 7:tid 8\] from\\nPython\n\[.*\] \[core:crit\] \[pid \d+:tid \d+\] \(28\)No space left on device: m\n$/,
  )
})

test('access logs: own ones replace the main ones, GlobalLog stays, conditions decide', (t) => {
  const root = temporaryDirectory(t)
  const site = makeSite(
    root,
    `ErrorLog e
LogFormat "%m %U" short
CustomLog main.log short
GlobalLog global.log "g %U"
TransferLog transfer.log
LogFormat "default %U"
`,
    'CustomLog own.log short "env=!quiet"\nCustomLog quiet.log "q %U" env=quiet',
    'LogFormat "redefined %U" short',
  )
  const [own, inheriting] = site.virtualHosts as [(typeof site)['main'], (typeof site)['main']]
  const logs = openLogs(site, { names })
  const get = (server: typeof own, path: string, quiet = false) => {
    const request = makeRequest({ server, set: (request) => Object.assign(request, { path }) })
    if (quiet) request.env.set('quiet', '1')
    logConfig.hooks.logTransaction(request)
  }
  get(site.main, '/m')
  get(own, '/o')
  get(own, '/oq', true)
  get(inheriting, '/i')
  logs.close()
  get(site.main, '/after close')
  assert.equal(read(root, 'main.log'), 'GET /m\nredefined /i\n')
  assert.equal(read(root, 'global.log'), 'g /m\ng /o\ng /oq\ng /i\n')
  assert.equal(read(root, 'transfer.log'), 'default /m\ndefault /i\n')
  assert.equal(read(root, 'own.log'), 'GET /o\n')
  assert.equal(read(root, 'quiet.log'), 'q /oq\n')
})

test('%I counts what the connection received, requests to servers without log included', (t) => {
  const root = temporaryDirectory(t)
  const site = makeSite(root, 'ErrorLog e', 'CustomLog a "%I %S"')
  const [host] = site.virtualHosts as [(typeof site)['main']]
  const logs = openLogs(site)
  const first = makeRequest()
  for (const [server, bytesReceived] of [
    [host, 100],
    [site.main, 50],
    [host, 25],
  ] as const) {
    const request = makeRequest({ server })
    Object.assign(request, { connection: first.connection, headerBytesSent: 10 })
    Object.assign(request.incoming, { bytesReceived })
    logConfig.hooks.logTransaction(request)
  }
  logs.close()
  assert.equal(read(root, 'a'), '100 110\n25 35\n')
})

test('LogIOTrackTTFB', (t) => {
  const root = temporaryDirectory(t)
  const site = makeSite(root, 'ErrorLog e\nCustomLog a "%^FB"')
  const logs = openLogs(site)
  for (const lines of ['', 'LogIOTrackTTFB On']) {
    const dir = new Settings()
    applyLines(lines, { server: site.main.settings, dir, context: 'directory' })
    const request = makeRequest({ server: site.main, set: (request) => Object.assign(request, { dir }) })
    logio.hooks.responseHeaders(request)
    logConfig.hooks.logTransaction(request)
  }
  logs.close()
  assert.match(read(root, 'a'), /^-\n\d+\n$/)
})

test('no CustomLog, no line, no cost', (t) => {
  const root = temporaryDirectory(t)
  const site = makeSite(root, 'ErrorLog e')
  const logs = openLogs(site)
  logs.accessLoggerFor(site.main)(makeRequest({ server: site.main }))
  logs.close()
  assert.equal(read(root, 'e'), '')
})

test('the last request of a chain is logged, whichever is handed in', (t) => {
  const root = temporaryDirectory(t)
  const site = makeSite(root, 'ErrorLog e\nCustomLog a "%U %>U %s %>s"')
  const first = makeRequest({ server: site.main })
  const last = makeRequest({ server: site.main })
  Object.assign(first, { path: '/1', status: 404, transaction: { last } })
  Object.assign(last, { path: '/2', prev: first, transaction: first.transaction })
  const logs = openLogs(site)
  logs.accessLoggerFor(site.main)(first)
  logs.accessLoggerFor(site.main)(last)
  logs.close()
  assert.equal(read(root, 'a'), '/1 /2 404 200\n'.repeat(2))
})

test('pipes are given by command; | and || mean the same program', async (t) => {
  const root = temporaryDirectory(t)
  const command = `$exec cat >> ${join(root, 'out')}`
  const site = makeSite(root, `ErrorLog e\nCustomLog "|${command}" a`, `CustomLog "||${command}" b`)
  const wanted = logDestinations(site).flatMap(({ destination }) =>
    destination.kind === 'pipe' ? [destination.command] : [],
  )
  assert.deepEqual(wanted, [command])
  assert.throws(() => openLogs(site), {
    name: 'LogOpenError',
    message: `could not open the access log |${command}: its program has not been started\nIt is named on line 2 of test.conf.`,
  })
  const program = await startPipedProgram({ command, report: () => {} })
  t.after(() => program.stop(0))
  const logs = openLogs(site, { pipes: new Map([[command, program.fd]]) })
  for (const server of [site.main, ...site.virtualHosts])
    logs.accessLoggerFor(server)(makeRequest({ server }))
  logs.close()
  await program.stop()
  assert.equal(read(root, 'out'), 'a\nb\n')
})

test('what cannot be opened is named with its line and what to do; nothing stays open', (t) => {
  const root = temporaryDirectory(t)
  const site = makeSite(root, `ErrorLog e\n\nCustomLog ${root}/missing/a "%h"`)
  assert.throws(() => openLogs(site), {
    name: 'LogOpenError',
    message: `(2)No such file or directory: AH00649: could not open transfer log file ${root}/missing/a.\nIt is named on line 3 of test.conf. The directory must exist: create it, or name another one.`,
  })
  assert.deepEqual(checkLogDirectories(logDestinations(site)), [
    `(2)No such file or directory: AH02297: Cannot access directory '${root}/missing/' for log file '${root}/missing/a' (defined on line 3 of test.conf); create the directory or name another one`,
  ])
  assert.throws(() => openLogs(makeSite(root, '')), {
    message: `(2)No such file or directory: AH00091: wsgi-httpd: could not open error log file ${root}/logs/error_log.\nIt is the default of ErrorLog. The directory must exist: create it, or name another one.`,
  })
  assert.throws(
    () => openLogs(makeSite(root, `ErrorLog ${root}`)),
    /\(21\)Is a directory: AH00091: .* name a file in it\./s,
  )
  // the supervisor needs no access logs
  openLogs(site, { errorLogsOnly: true }).close()
})

test('a log that is closed while its disk is full tells of what was lost', {
  skip: process.platform !== 'linux' && 'needs /dev/full',
}, (t) => {
  const root = temporaryDirectory(t)
  const site = makeSite(root, 'ErrorLog e\nCustomLog /dev/full "%h"')
  const logs = openLogs(site, { names })
  const log = logs.accessLoggerFor(site.main)
  for (const request of [makeRequest(), makeRequest()]) log(request)
  logs.close()
  assert.match(read(root, 'e'), /2 log line\(s\) for \/dev\/full were lost: ENOSPC/)
})

test('lines that are being lost are told at once, once, and never to the log that loses them', {
  skip: process.platform !== 'linux' && 'needs /dev/full',
}, (t) => {
  const root = temporaryDirectory(t)
  const site = makeSite(root, 'ErrorLog e\nCustomLog /dev/full "%h"')
  const logs = openLogs(site, { names })
  const told = () => read(root, 'e').match(/Log lines for \/dev\/full are being lost: ENOSPC/g)?.length
  for (let count = 0; count < 3; count++) {
    logs.accessLoggerFor(site.main)(makeRequest())
    // the access log, then the error log with what that has made it say
    for (let again = 0; again < 2; again++) logs.flush()
    assert.equal(told(), 1)
  }
  logs.close()
  assert.match(read(root, 'e'), /3 log line\(s\) for \/dev\/full were lost: ENOSPC/)

  const full = makeSite(root, 'ErrorLog /dev/full')
  const fullLogs = openLogs(full, { names })
  fullLogs.errorLogFor(full.main).server('core', 'error', 'text')
  fullLogs.close()
})

test('a log that may not be written to', {
  skip: process.getuid?.() === 0 && 'root may write everywhere',
}, (t) => {
  const root = temporaryDirectory(t)
  mkdirSync(join(root, 'd'))
  chmodSync(join(root, 'd'), 0o500)
  assert.throws(() => openLogs(makeSite(root, 'ErrorLog d/e')), LogOpenError)
})

test('before logs are open: the message alone; decorated on demand', () => {
  const lines: string[] = []
  const log = stderrLog({ write: (line) => lines.push(line) })
  log.server('core', 'warn', 'no name\n', 'AH00558')
  log.server('core', 'info', 'not at this level')
  log.server('core', 'notice', 'n')
  const decorated = stderrLog({ write: (line) => lines.push(line), decorated: true, level: 'debug' })
  decorated.server('wsgi', 'debug', 'd')
  assert.deepEqual(lines.slice(0, 2), ['AH00558: no name\\n\n', 'n\n'])
  assert.match(lines[2] ?? '', /^\[[A-Z].*\d{4}\] \[wsgi:debug\] \[pid \d+:tid \d+\] d\n$/)
  assert.equal(log.admits('core', 'info'), false)
  assert.match(
    formatRecord({ module: 'wsgi', level: 'error', message: 'm', pid: 3 }),
    /^\[.*\] \[wsgi:error\] \[pid 3:tid 3\] m$/,
  )
})
