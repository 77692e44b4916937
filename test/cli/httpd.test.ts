import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { runLauncher, withConfiguration } from '../support/server.js'

test('-t: Syntax OK on stderr, exit 0', async () => {
  await withConfiguration({}, ['-t'], ({ code, stdout, stderr }) => {
    assert.equal(code, 0)
    assert.match(stderr, /^Syntax OK$/m)
    assert.equal(stdout, '')
  })
})

test('-t: every fault with its place, exit 1', async () => {
  await withConfiguration(
    { conf: 'Timeout 60\nNoSuchThing on\nListen 1 2 3\n' },
    ['-t'],
    ({ code, stderr }, { confFile }) => {
      assert.equal(code, 1)
      assert.ok(
        stderr.includes(`AH00526: Syntax error on line 2 of ${confFile}:\nInvalid command 'NoSuchThing'`),
        stderr,
      )
      assert.ok(stderr.includes(`AH00526: Syntax error on line 3 of ${confFile}:\nListen`), stderr)
      assert.doesNotMatch(stderr, /Syntax OK/)
    },
  )
})

test('-t: directories of logs must be there', async () => {
  const conf = 'CustomLog nowhere/access.log common\nErrorLog "/no/such directory/error.log"\n'
  await withConfiguration({ conf }, ['-t'], ({ code, stderr }) => {
    assert.equal(code, 1)
    assert.match(
      stderr,
      /\(2\)No such file or directory: AH02291: Cannot access directory '\/no\/such directory\/'/,
    )
    assert.match(stderr, /AH02297: Cannot access directory '.*\/nowhere\/' for log file/)
    assert.match(stderr, /AH00014: Configuration check failed\n$/)
  })
})

test('-T: document roots need not be there, in the main server as little as in a virtual host', async () => {
  const conf = `DocumentRoot nowhere
<VirtualHost *:80>
    DocumentRoot nowhere/else
</VirtualHost>`
  await withConfiguration({ conf }, ['-t'], ({ code, stderr }) => {
    assert.equal(code, 1)
    assert.match(stderr, /DocumentRoot '.*nowhere' is not a directory, or is not readable/)
  })
  await withConfiguration({ conf }, ['-tT'], ({ code, stderr }) => {
    assert.equal(code, 0)
    assert.doesNotMatch(stderr, /DocumentRoot/)
  })
})

test('a start with a faulty configuration says the same', async () => {
  await withConfiguration({ conf: 'NoSuchThing on' }, ['-DFOREGROUND'], ({ code, stderr }) => {
    assert.equal(code, 1)
    assert.match(stderr, /^AH00526: Syntax error on line 1 of /)
  })
})

test('a missing configuration file', async () => {
  const { code, stderr } = await runLauncher(['-f', '/nothing/here.conf', '-t'])
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^wsgi-httpd: Could not open configuration file \/nothing\/here\.conf: No such file or directory$/m,
  )
})

test('-C comes before the file, -c after it, -D defines', async () => {
  const conf = '<IfDefine EXTRA>\nDefine FROM_FILE\n</IfDefine>\n<IfDefine !BEFORE>\nWrong\n</IfDefine>\n'
  const words = [
    '-C',
    'Define BEFORE',
    '-c',
    '<IfDefine !FROM_FILE>',
    '-c',
    'Wrong',
    '-c',
    '</IfDefine>',
    '-DEXTRA',
    '-t',
  ]
  await withConfiguration({ conf }, words, ({ code, stderr }) => assert.equal(code, 0, stderr))
})

test('nothing to serve: an explanation', async () => {
  const { code, stderr } = await runLauncher([])
  assert.equal(code, 1)
  assert.match(stderr, /no configuration: name a file with -f .* start-server app\.wsgi/)
})

test('unknown flags and commands: usage, exit 1', async () => {
  for (const [word, message] of [
    ['-Z', /illegal option -- Z/],
    ['frobnicate', /there is no command 'frobnicate'/],
    ['app.wsgi', /to serve this application: wsgi-httpd start-server app\.wsgi/],
  ] as const) {
    const { code, stderr } = await runLauncher([word])
    assert.equal(code, 1)
    assert.match(stderr, message)
    assert.match(stderr, /Run "wsgi-httpd --help"/)
  }
})

test('-v, -h and help', async () => {
  const [version, page, help] = await Promise.all([
    runLauncher(['-v']),
    runLauncher(['-h']),
    runLauncher(['help']),
  ])
  assert.match(version.stdout, /^Server version: wsgi-httpd\/\d+\.\d+\.\d+$/m)
  assert.match(page.stdout, /^Usage: wsgi-httpd /)
  assert.deepEqual(page, help)
  assert.equal(page.code, 0)
})

test('-k stop without a server: says so, exit 0, even with a faulty configuration', async () => {
  for (const conf of ['', 'NoSuchThing', '<Directory /x>']) {
    await withConfiguration({ conf }, ['-k', 'stop'], ({ code, stdout }) => {
      assert.equal(stdout, 'httpd (no pid file) not running\n')
      assert.equal(code, 0)
    })
  }
})

test('-k graceful checks the configuration first', async () => {
  await withConfiguration({ conf: 'NoSuchThing' }, ['-k', 'graceful'], ({ code, stdout, stderr }) => {
    assert.equal(code, 1)
    assert.match(stderr, /Invalid command 'NoSuchThing'/)
    assert.equal(stdout, '')
  })
})

test('envvars beside the configuration file is read', async () => {
  const conf = '<IfDefine !UNSET>\nPidFile ${TEST_RUN_DIR}/x.pid\nServerAdmin ${TEST_ADMIN}\n</IfDefine>\n'
  const files = {
    envvars: 'export TEST_RUN_DIR="${ROOT}/run"\nexport TEST_ADMIN=file@example.org\necho noise\n',
  }
  await withConfiguration({ conf, files }, ['status'].slice(1).concat('-t'), ({ code, stderr }) =>
    assert.equal(code, 0, stderr),
  )
})

test('status: not running', async () => {
  await withConfiguration(
    { files: { 'own.conf': 'PidFile "${ROOT}/run/a.pid"\nUser nobody\nGroup "#65534"\n' } },
    ['-t'],
    async (_, layout) => {
      const file = path.join(layout.root, 'own.conf')
      const { code, stdout } = await runLauncher(['status', '-f', file])
      assert.equal(stdout, `wsgi-httpd is not running (no pid file ${layout.root}/run/a.pid)\n`)
      assert.equal(code, 1)
      writeFileSync(path.join(layout.root, 'run', 'a.pid'), '999999999\n')
      assert.match((await runLauncher(['status', '-f', file])).stdout, /stale pid file/)
    },
  )
})
