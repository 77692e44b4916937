/**
 * What the module `mod_wsgi` tells about processes: their end, with its reason, and signals; in main and sub-interpreters, on every Python.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachMinorVersion, usable } from '../../support/pythons.js'
import { type TestServer, withServer } from '../../support/server.js'

const APPLICATION = `
import os, sys, mod_wsgi

@mod_wsgi.subscribe_shutdown
def goodbye(name, **event):
    print('%s of %s/%s: %s' % (name, mod_wsgi.process_group, mod_wsgi.application_group, event['shutdown_reason']))
    sys.stdout.flush()

@mod_wsgi.subscribe_signals
def heard(name, **event):
    print('%s of %s/%s: %s %d' % (name, mod_wsgi.process_group, mod_wsgi.application_group, event['signame'], event['signum']))
    sys.stdout.flush()

def application(environ, start_response):
    start_response('200 OK', [])
    return [str(os.getpid()).encode('ascii')]
`

const pythons = eachMinorVersion().filter(({ major, minor }) => (major === 3 ? minor >= 6 : minor === 7))
const embeddable = pythons.findLast(({ major, sharedLibrary }) => major === 3 && sharedLibrary !== undefined)
const hasGuests = (major: number, minor: number) => major === 3 && minor >= 8

function conf(): string {
  const groups = pythons.map((python) => {
    const { major, minor, version } = python
    const guest = hasGuests(major, minor)
      ? `WSGIScriptAlias /${version}/guest \${ROOT}/apps/app.wsgi process-group=g${version} application-group=guest\n`
      : ''
    return `WSGIDaemonProcess g${version} threads=2 maximum-requests=2 python-home="${usable(python).home}"
${guest}WSGIScriptAlias /${version} \${ROOT}/apps/app.wsgi process-group=g${version} application-group=%{GLOBAL}`
  })
  return `StartServers 1
${groups.join('\n')}
WSGIScriptAlias /embedded \${ROOT}/apps/app.wsgi application-group=%{GLOBAL}`
}

test('processes and their interpreters say when they end, and pass signals on', async (t) => {
  if (pythons.length === 0) return t.skip('no Python')
  const options = { conf: conf(), python: embeddable?.version ?? 'none', apps: { 'app.wsgi': APPLICATION } }
  await withServer(options, async (server) => {
    await Promise.all(
      pythons.map(({ major, minor, version }) => daemon(server, version, hasGuests(major, minor))),
    )
    if (embeddable !== undefined) assert.equal((await server.get('/embedded')).status, 200)
    await server.reload()
    if (embeddable !== undefined) await server.waitForLog(/process_stopping of \/: *$/m)
  })
})

async function daemon(server: TestServer, version: string, guest: boolean): Promise<void> {
  const group = `g${version.replaceAll('.', '\\.')}`
  const pid = Number((await server.get(`/${version}`)).text)
  process.kill(pid, 'SIGHUP')
  await server.waitForLog(new RegExp(`process_signal of ${group}/: SIGHUP 1`))
  process.kill(pid, 'SIGUSR2')
  await server.waitForLog(new RegExp(`process_signal of ${group}/: SIGUSR2 12`))
  if (guest) await server.waitForLog(new RegExp(`process_signal of ${group}/guest: SIGHUP 1`))
  assert.equal((await server.get(`/${version}`)).status, 200)
  await server.waitForLog(new RegExp(`process_stopping of ${group}/: maximum_requests`))
  if (guest) await server.waitForLog(new RegExp(`process_stopping of ${group}/guest: maximum_requests`))
}
