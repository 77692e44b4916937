import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { ask } from '../support/http.js'
import { descendants, stillThere } from '../support/processes.js'
import { Layout, runLauncher } from '../support/server.js'
import { until } from '../support/wait.js'

/** A configuration on disk, the launcher to control it, and in the end no process left. */
async function withLayout(
  use: (layout: Layout, run: (...words: string[]) => ReturnType<typeof runLauncher>) => Promise<void>,
): Promise<void> {
  const layout = await Layout.make({ files: { 'htdocs/index.html': 'one' }, python: 'none' })
  const run = (...words: string[]) => runLauncher([...layout.arguments(), ...words])
  try {
    await use(layout, run)
  } finally {
    await run('-k', 'stop')
    layout.remove()
  }
}

const pidOf = (layout: Layout) => Number(layout.read('httpd.pid'))

test('-k start, start again, status, graceful, restart, stop, stop again', async () => {
  await withLayout(async (layout, run) => {
    const [port = 0] = layout.ports
    assert.deepEqual(await run('-k', 'start'), { code: 0, stdout: '', stderr: '' })
    const pid = pidOf(layout)
    assert.equal((await ask(port, '/')).text, 'one')

    const again = await run('-k', 'start')
    assert.equal(again.stdout, `httpd (pid ${pid}) already running\n`)
    assert.equal(again.code, 0)
    const status = await runLauncher(['status', ...layout.arguments()])
    assert.equal(
      status.stdout,
      `wsgi-httpd (pid ${pid}) is running; its configuration listens on 127.0.0.1:${port}\n`,
    )

    for (const [order, text] of [
      ['graceful', 'SIGUSR1 received.  Doing graceful restart'],
      ['restart', 'SIGHUP received.  Attempting to restart'],
    ] as const) {
      assert.equal((await run('-k', order)).code, 0)
      await until(order, () =>
        new RegExp(`${text}[^]*resuming normal operations`).test(layout.read('error.log')),
      )
      assert.equal((await ask(port, '/')).text, 'one')
      assert.equal(pidOf(layout), pid)
    }

    const below = descendants(pid)
    assert.ok(below.length > 0)
    assert.deepEqual(await run('-k', 'stop'), { code: 0, stdout: '', stderr: '' })
    await until(
      'the server to be gone',
      () => layout.read('httpd.pid') === '' && stillThere(below).length === 0,
    )
    const none = await run('-k', 'stop')
    assert.deepEqual(none, { code: 0, stdout: 'httpd (no pid file) not running\n', stderr: '' })
  })
})

test('-k graceful with a faulty configuration leaves the server as it is', async () => {
  await withLayout(async (layout, run) => {
    await run('-k', 'start')
    writeFileSync(layout.confFile, 'NoSuchThing on\n')
    const { code, stderr } = await run('-k', 'graceful')
    assert.equal(code, 1)
    assert.match(stderr, /Invalid command 'NoSuchThing'/)
    assert.doesNotMatch(readFileSync(path.join(layout.root, 'error.log'), 'utf8'), /SIGUSR1/)
    assert.equal((await ask(layout.ports[0] ?? 0, '/')).text, 'one')
  })
})

test('-k restart without a server starts it; a stale pid file is replaced', async () => {
  await withLayout(async (layout, run) => {
    writeFileSync(path.join(layout.root, 'httpd.pid'), '999999999\n')
    const { code, stdout } = await run('-k', 'restart')
    assert.equal(stdout, 'httpd not running, trying to start\n')
    assert.equal(code, 0)
    assert.notEqual(pidOf(layout), 999999999)
    assert.equal((await ask(layout.ports[0] ?? 0, '/')).text, 'one')
  })
})

test('-k start with a port that is taken: says so, exit 1', async () => {
  await withLayout(async (layout, run) => {
    await run('-k', 'start')
    const pid = layout.read('httpd.pid')
    rmSync(path.join(layout.root, 'httpd.pid'))
    const { code, stderr } = await run('-k', 'start')
    assert.equal(code, 1)
    assert.match(stderr, /\(98\)Address already in use: AH00072/)
    writeFileSync(path.join(layout.root, 'httpd.pid'), pid)
  })
})

test('-E takes what is said at the start', async () => {
  const layout = await Layout.make({
    conf: '<IfDefine !X>\nListen 127.0.0.1:${PORT2}\n</IfDefine>\nServerName [\n',
    python: 'none',
  })
  const file = path.join(layout.root, 'startup.log')
  await runLauncher([...layout.arguments(), '-E', file])
  assert.match(readFileSync(file, 'utf8'), /Syntax error on line 4/)
  layout.remove()
})

test('-E with -t takes what the check says, and a file that cannot be opened hinders nothing', async () => {
  const layout = await Layout.make({ conf: 'Nonsense On', python: 'none' })
  try {
    const file = path.join(layout.root, 'check.log')
    const { code, stderr } = await runLauncher([...layout.arguments(), '-t', '-E', file])
    assert.deepEqual([code, stderr], [1, ''])
    assert.match(layout.read('check.log'), /Invalid command 'Nonsense'/)
    const other = await runLauncher([...layout.arguments(), '-t', '-E', '/nowhere/check.log'])
    assert.match(
      other.stderr,
      /AH00086: .*could not open error log file \/nowhere\/check\.log\.\n[^]*Invalid command 'Nonsense'/,
    )
  } finally {
    layout.remove()
  }
})
