/** The units of examples/systemd: what systemd reads in them, and a server that is started and stopped as they say. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Listeners } from '../../src/server/listeners.js'
import { temporaryDirectory } from '../log/support.js'
import { isRoot } from '../support/cache.js'
import { LAUNCHER, Layout, PROJECT, shell, TestServer } from '../support/server.js'

const UNITS = ['wsgi-httpd.service', 'wsgi-httpd.socket']
const read = (name: string) => readFileSync(path.join(PROJECT, 'examples/systemd', name), 'utf8')

/** What a unit says of a name. */
function setting(unit: string, name: string): string {
  const value = new RegExp(`^${name}=(.*)$`, 'm').exec(read(unit))?.[1]
  assert.ok(value !== undefined, `${name} in ${unit}`)
  return value
}

const ANALYZE = '/usr/bin/systemd-analyze'

test('systemd finds no fault in the units', {
  skip: !existsSync(ANALYZE) && 'needs systemd-analyze',
}, (t) => {
  const directory = temporaryDirectory(t)
  const files = UNITS.map((name) => path.join(directory, name))
  // a program that is there
  for (const [at, file] of files.entries())
    writeFileSync(file, read(UNITS[at] as string).replace('/usr/local/bin/wsgi-httpd', '/bin/true'))
  const { status, stderr } = spawnSync(ANALYZE, ['verify', ...files], { encoding: 'utf8' })
  const faults = stderr.split('\n').filter((line) => line.includes('wsgi-httpd'))
  assert.deepEqual([status, faults], [0, []])
})

const CONF = `ServerName localhost
Listen \${PORT}
PidFile httpd.pid
DefaultRuntimeDir "\${ROOT}/run"
ErrorLog error.log
${isRoot ? 'User nobody\nGroup "#65534"\n' : ''}DocumentRoot "\${ROOT}/htdocs"
<Directory "\${ROOT}/htdocs">
    Require all granted
</Directory>
`

test('a server serves, restarts and stops as the units say', {
  skip: process.platform !== 'linux' && 'systemd is for Linux',
}, async (t) => {
  assert.match(setting('wsgi-httpd.socket', 'ListenStream'), /^\d+$/, 'as is opened below')
  const layout = await Layout.make({
    bare: true,
    files: { 'apache2.conf': CONF, 'htdocs/index.html': 'here' },
  })
  t.after(() => layout.remove())
  const manager = new Listeners()
  t.after(() => manager.close())
  const [socket] = manager.prepare([{ host: '', port: layout.ports[0] as number, protocol: undefined }], 16)

  const [program, ...words] = setting('wsgi-httpd.service', 'ExecStart').split(' ')
  assert.equal(path.basename(program as string), 'wsgi-httpd')
  const own = words.map((word) => (word === '/etc/apache2' ? layout.root : word))
  const [sh = '', ...before] = shell('export LISTEN_PID=$$ LISTEN_FDS=1')
  const child = spawn(sh, [...before, process.execPath, LAUNCHER, ...own], {
    stdio: ['ignore', 'pipe', 'pipe', socket?.fd],
  })
  const server = new TestServer(layout, child)
  try {
    await server.untilReady()
    assert.equal((await server.get('/')).text, 'here')
    const order = /^\/bin\/kill -(\w+) \$MAINPID$/.exec(setting('wsgi-httpd.service', 'ExecReload'))
    await server.reload(`SIG${order?.[1]}` as NodeJS.Signals)
    assert.equal((await server.get('/')).text, 'here')
    server.signal(setting('wsgi-httpd.service', 'KillSignal') as NodeJS.Signals)
    assert.deepEqual(await server.stopped(), { code: 0, stdout: '', stderr: '' })
  } finally {
    await server.stop()
  }
})
