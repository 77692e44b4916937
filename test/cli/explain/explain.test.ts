import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Layout, runLauncher } from '../../support/server.js'

const CONF = `
WSGIDaemonProcess one threads=5
<Directory "\${ROOT}/apps">
    Require ip 10.0.0.0/8
    Require local
</Directory>
<Directory "\${ROOT}/htdocs/closed">
    AllowOverride AuthConfig
</Directory>
<VirtualHost *:\${PORT}>
    ServerName one.example
    WSGIScriptAlias /app "\${ROOT}/apps/app.wsgi" process-group=one application-group=%{GLOBAL}
    SetEnv DATABASE main
    Redirect /old /new
    ProxyPass /backend http://127.0.0.1:9/inner
    <Location /app/none>
        Require all denied
    </Location>
    <Location /status>
        SetHandler server-status
    </Location>
</VirtualHost>
<VirtualHost *:\${PORT}>
    ServerName two.example
    ErrorDocument 404 /index.html
    RewriteEngine On
    RewriteRule ^/embedded(.*) "\${ROOT}/apps/app.wsgi$1" [H=wsgi-script]
    RemoteIPHeader X-Forwarded-For
    RemoteIPInternalProxy 127.0.0.1
    <Directory "\${ROOT}/htdocs">
        <If "%{HTTP_HOST} =~ /two/">
            Header set X-Two 2
        </If>
    </Directory>
    <Directory "\${ROOT}/apps">
        Options +ExecCGI
    </Directory>
    <Location /asked>
        WSGIAccessScript "\${ROOT}/apps/access.py"
    </Location>
</VirtualHost>
`

/** What is said, by its label; an answer's further lines follow the first. */
function rowsOf(text: string): Record<string, string[]> {
  const rows: Record<string, string[]> = {}
  let label = ''
  for (const line of text.split('\n').filter((one) => one !== '')) {
    label = line.slice(0, 20).trim() || label
    rows[label] = [...(rows[label] ?? []), line.slice(20)]
  }
  return rows
}

test('explain says what would become of a request', async (t) => {
  const layout = await Layout.make({
    conf: CONF,
    files: {
      'htdocs/index.html': 'hello',
      'htdocs/closed/page.html': 'closed',
      'htdocs/closed/.htaccess': 'Require all denied\n',
    },
    apps: {
      'app.wsgi': 'raise RuntimeError("explaining runs nothing")\n',
      'access.py': 'raise RuntimeError("explaining runs nothing")\n',
    },
    env: { PORT: '${PORT}', ROOT: '${ROOT}' },
  })
  t.after(() => layout.remove())
  const { root } = layout
  const [port] = layout.ports
  const explain = async (...words: string[]) => {
    const { code, stdout, stderr } = await runLauncher(['explain', ...layout.arguments(), ...words], {
      env: layout.environment(),
    })
    assert.equal(stderr, '')
    assert.equal(code, 0)
    return rowsOf(stdout)
  }
  const lineOf = (text: string): number =>
    layout
      .fill(CONF)
      .split('\n')
      .findIndex((line) => line.includes(text)) + 1

  await t.test('an application in a process group', async () => {
    const rows = await explain(`http://one.example:${port}/app/x?y=1`)
    assert.match(rows['virtual host']?.[0] ?? '', /^one\.example \(.*httpd\.conf:\d+\)$/)
    assert.deepEqual(rows.file, [`${root}/apps/app.wsgi (a file)`, 'followed by /x (PATH_INFO)'])
    assert.deepEqual(
      rows.sections?.at(-1),
      `<Directory "${root}/apps"> (${layout.confFile}:${lineOf('/apps">')})`,
    )
    assert.deepEqual(rows.access, [
      'Require ip 10.0.0.0/8: denied',
      'Require local: granted',
      '<RequireAny>: granted',
    ])
    assert.deepEqual(rows.answer, [`that of application in ${root}/apps/app.wsgi`])
    assert.match(
      rows['process group']?.[0] ?? '',
      /^one \(.*httpd\.conf:2\): 1 process of 5 threads, \/.*, as /,
    )
    assert.deepEqual(rows['application group'], ['%{GLOBAL}: the main interpreter'])
    for (const line of ['DATABASE: main', 'SCRIPT_NAME: /app', 'PATH_INFO: /x', 'REMOTE_ADDR: 127.0.0.1'])
      assert.ok(rows.environ?.includes(line), line)
  })

  await t.test('who may not, by which line', async () => {
    const rows = await explain('--from', '192.0.2.1', `http://one.example:${port}/app`)
    assert.deepEqual(rows.access?.at(-1), '<RequireAny>: denied')
    assert.deepEqual(rows.answer, ['403 Forbidden'])
    assert.match(rows.log?.join('\n') ?? '', /AH01630: client denied by server configuration/)
    const denied = await explain(`http://one.example:${port}/app/none`)
    assert.deepEqual(denied.access, ['Require all denied'])
    assert.match(denied.sections?.at(-1) ?? '', /^<Location \/app\/none> \(.*:\d+\)$/)
    assert.deepEqual(denied.answer, ['403 Forbidden'])
  })

  await t.test('.htaccess files and <If> sections', async () => {
    const rows = await explain(`http://two.example:${port}/closed/page.html`)
    assert.ok(rows.sections?.includes(`${root}/htdocs/closed/.htaccess`))
    assert.match(rows.sections?.at(-1) ?? '', /^<If .*two.*> \(/)
    assert.deepEqual(rows.access, ['Require all denied'])
    assert.deepEqual(rows.answer, ['403 Forbidden'])
  })

  await t.test('what the server itself answers', async () => {
    const page = await explain(`http://two.example:${port}/`)
    assert.deepEqual(page.answer, ['200 OK, from the server itself'])
    assert.ok(page.header?.includes('Content-Length: 5') && page.header.includes('X-Two: 2'))
    const moved = await explain(`http://one.example:${port}/old/a`)
    assert.deepEqual(moved.answer, ['302 Found'])
    assert.ok(moved.header?.includes(`Location: http://one.example:${port}/new/a`))
    const missing = await explain(`http://two.example:${port}/none`)
    assert.deepEqual(missing['goes on with'], ['/index.html'])
    assert.deepEqual(missing.answer, ['404 Not Found'])
    const bad = await explain(`http://two.example:${port}/../x`)
    assert.deepEqual(bad.answer, ['400 Bad Request'])
  })

  await t.test('what others answer, who are not asked', async () => {
    const backend = await explain(`http://one.example:${port}/backend/x`)
    assert.deepEqual(backend.answer, ['that of http://127.0.0.1:9/inner/x'])
    const status = await explain(`http://one.example:${port}/status`)
    assert.deepEqual(status.answer, ['that of server-status'])
    const script = await explain(`http://two.example:${port}/asked`)
    assert.deepEqual(script.answer, [
      `depends on allow_access() of ${root}/apps/access.py, which was not called`,
    ])
  })

  await t.test('other names and addresses', async () => {
    const rows = await explain(`http://nobody.example:${port}/`)
    assert.match(rows['virtual host']?.[0] ?? '', /^one\.example .*; the first of its address/)
    const proxied = await explain(
      `http://two.example:${port}/embedded`,
      '--header',
      'X-Forwarded-For: 10.1.1.1',
    )
    assert.match(proxied.client?.[0] ?? '', /^10\.1\.1\.1, as 127\.0\.0\.1 says/)
    assert.deepEqual(proxied['process group'], ['none: embedded in the server workers'])
    const silent = await explain('http://one.example:1/')
    assert.deepEqual(silent.listens, [`not on port 1: the ports of Listen are ${port}`])
    const tls = await explain(`https://one.example:${port}/`)
    assert.match(tls['virtual host']?.[1] ?? '', /^SSLEngine is not On/)
  })
})

test('explain: a faulty configuration is told as ever, and a missing URL as well', async (t) => {
  const layout = await Layout.make({ conf: 'NoSuchThing on\n' })
  t.after(() => layout.remove())
  const faulty = await runLauncher(['explain', ...layout.arguments(), '/'], { env: layout.environment() })
  assert.equal(faulty.code, 1)
  assert.match(faulty.stderr, /^AH00526: Syntax error on line 1 of /)
  const { code, stderr } = await runLauncher(['explain'])
  assert.equal(code, 1)
  assert.match(stderr, /explain takes a URL.*\nRun "wsgi-httpd explain --help"/)
})
