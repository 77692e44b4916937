/** Options of `start-server` that bring in more of the server, each seen at work. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { describe, test } from 'node:test'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../../support/certificates.js'
import { ask } from '../../support/http.js'
import { askSecurely } from '../../support/https.js'
import { findPython, skipWithout } from '../../support/pythons.js'
import { until } from '../../support/wait.js'
import { project, serve } from './serving.js'

const ECHO = `
import os
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    names = ('SCRIPT_NAME', 'PATH_INFO', 'REMOTE_USER', 'REMOTE_ADDR', 'wsgi.url_scheme', 'SSL_PROTOCOL')
    lines = ['%s=%s' % (name, environ.get(name)) for name in names]
    lines.append('FROM_SCRIPT=%s' % os.environ.get('FROM_SCRIPT'))
    return ['\\n'.join(lines + ['x' * 500]).encode()]
`

const HOOKS = `
def allow_access(environ, host):
    return environ['REQUEST_URI'] != '/closed'
def check_password(environ, user, password):
    return password == 'secret' if user in ('anna', 'bert') else None
def groups_for_user(environ, user):
    return ['staff'] if user == 'anna' else []
`

/** Prints the kind of each datagram, and whether it names the browser. */
const RECEIVER = `
import os, socket, sys
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
while True:
    data = sock.recv(65536)
    print(' %d%s' % (data[5], ' named' if b'named/1' in data else ''), flush=True)
`

const basic = (user: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

async function made(): ReturnType<typeof project> {
  const one = await project()
  writeFileSync(path.join(one.folder, 'app.wsgi'), ECHO)
  writeFileSync(path.join(one.folder, 'hooks.py'), HOOKS)
  return one
}

describe('start-server', { skip: skipWithout('3') }, () => {
  test('--document-root: its files, and the application for all else', async () => {
    const { folder, port, root, words } = await made()
    mkdirSync(path.join(folder, 'static', 'sub'))
    writeFileSync(path.join(folder, 'static', 'index.html'), 'the index')
    writeFileSync(path.join(folder, 'static', 'sub', 'b c.txt'), 'b')
    await serve(['app.wsgi', ...words, '--document-root', 'static'], folder, root, async () => {
      assert.equal((await ask(port, '/a.txt')).text, 'a file')
      assert.equal((await ask(port, '/sub/b%20c.txt')).text, 'b')
      for (const place of ['/', '/sub/', '/sub', '/none.txt', '/a.txt/more'])
        assert.match((await ask(port, place)).text, new RegExp(`^SCRIPT_NAME=\nPATH_INFO=${place}\n`), place)
      assert.equal((await ask(port, '/sub/..%2f..%2fapp.wsgi')).status, 404)
    })
  })

  test('--document-root with --server-name: its files in that virtual host too', async () => {
    const { folder, port, root, words } = await made()
    const options = [
      '--document-root',
      'static',
      '--server-name',
      'site.example',
      '--server-alias',
      '*.site.example',
    ]
    await serve(['app.wsgi', ...words, ...options], folder, root, async () => {
      for (const name of ['site.example', 'www.site.example'])
        assert.equal((await ask(port, '/a.txt', { headers: { Host: name } })).text, 'a file', name)
      const other = await ask(port, '/none.txt', { headers: { Host: 'site.example' } })
      assert.match(other.text, /^SCRIPT_NAME=\nPATH_INFO=\/none\.txt\n/)
      assert.equal((await ask(port, '/a.txt', { headers: { Host: 'elsewhere.example' } })).status, 403)
    })
  })

  test('--add-handler: files of the document root that scripts handle, and load anew when they change', async () => {
    const { folder, port, root, words } = await made()
    const handler = (word: string) =>
      `import os\ndef handle_request(environ, start_response):\n    start_response('200 OK', [])\n    return [('${word} ' + os.path.basename(environ['SCRIPT_FILENAME'])).encode()]\n`
    writeFileSync(path.join(folder, 'tell.py'), handler('told'))
    const latin1 = `# -*- coding: latin-1 -*-\n# é\n${handler('other').replace('handle_request', 'application')}`
    writeFileSync(path.join(folder, 'other.py'), latin1, 'latin1')
    for (const name of ['b.tell', 'c.other']) writeFileSync(path.join(folder, 'static', name), 'text')
    const options = [
      '--document-root',
      'static',
      '--add-handler',
      '.tell',
      'tell.py',
      '--add-handler',
      'other',
      'other.py',
    ]
    await serve(['app.wsgi', ...words, ...options], folder, root, async () => {
      const text = async (place: string) => (await ask(port, place)).text
      assert.deepEqual(
        [await text('/a.txt'), await text('/b.tell'), await text('/c.other')],
        ['a file', 'told b.tell', 'other c.other'],
      )
      writeFileSync(path.join(folder, 'tell.py'), handler('told anew:'))
      assert.equal(await text('/b.tell'), 'told anew: b.tell')
    })
  })

  test('--directory-index: directories, too; --mount-point: the application elsewhere', async () => {
    const { folder, port, root, words } = await made()
    mkdirSync(path.join(folder, 'static', 'sub'))
    writeFileSync(path.join(folder, 'static', 'index.html'), 'the index')
    await serve(
      [
        'app.wsgi',
        ...words,
        '--document-root',
        'static',
        '--directory-index',
        'index.html',
        '--mount-point',
        '/app',
      ],
      folder,
      root,
      async () => {
        assert.equal((await ask(port, '/')).text, 'the index')
        assert.match((await ask(port, '/app/x')).text, /^SCRIPT_NAME=\/app\nPATH_INFO=\/x\n/)
        assert.equal((await ask(port, '/sub')).headers.location, `http://localhost:${port}/sub/`)
        assert.equal((await ask(port, '/none')).status, 404)
      },
    )
  })

  test('log-in, groups and access by scripts; the status page', async () => {
    const { folder, port, root, words } = await made()
    const options =
      '--auth-user-script hooks.py --auth-group-script hooks.py --auth-group staff --host-access-script hooks.py --server-status'
    await serve(['app.wsgi', ...words, ...options.split(' ')], folder, root, async () => {
      const asked = await ask(port, '/')
      assert.equal(asked.status, 401)
      assert.equal(asked.headers['www-authenticate'], `Basic realm="127.0.0.1:${port}"`)
      assert.match((await ask(port, '/', { headers: basic('anna', 'secret') })).text, /^REMOTE_USER=anna$/m)
      assert.equal((await ask(port, '/', { headers: basic('anna', 'wrong') })).status, 401)
      assert.equal((await ask(port, '/', { headers: basic('bert', 'secret') })).status, 401)
      assert.equal((await ask(port, '/closed', { headers: basic('anna', 'secret') })).status, 403)
      assert.match((await ask(port, '/server-status?auto')).text, /^DaemonProcesses: 1$/m)
    })
  })

  test('TLS, HTTP to HTTPS, names', { skip: skipWithoutOpenssl }, async () => {
    const { folder, port, otherPort, root, words } = await made()
    makeAuthority(folder)
    makeCertificate(folder, 'site', { names: 'DNS:www.a.example,DNS:a.example' })
    const options = `--server-name www.a.example --https-port ${otherPort} --ssl-certificate site --ssl-environment --https-only --http2
      --hsts-policy max-age=100`
    await serve(['app.wsgi', ...words, ...options.split(/\s+/)], folder, root, async () => {
      const page = await askSecurely(otherPort, '/x', { name: 'www.a.example' })
      assert.match(page.text, /^wsgi\.url_scheme=https\nSSL_PROTOCOL=TLSv1\.3$/m)
      const plain = await ask(port, '/x?y', { headers: { Host: 'www.a.example' } })
      assert.equal(plain.status, 301)
      assert.equal(plain.headers.location, `https://www.a.example:${otherPort}/x?y`)
      const parent = await ask(port, '/x', { headers: { Host: 'a.example' } })
      assert.equal(parent.headers.location, `https://www.a.example:${otherPort}/x`)
      assert.equal((await askSecurely(otherPort, '/', { name: 'b.example' })).status, 403)
    })
  })

  test('compression, a proxied path and a proxied host', async () => {
    const { folder, port, root, words } = await made()
    const backend = createServer((request, response) =>
      response.end(`${request.url} ${request.headers['x-forwarded-prefix']} ${request.headers.host}`),
    )
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
    const options = `--compress-responses --proxy-mount-point /api ${url}/v2/ --proxy-virtual-host p.example ${url}
      --trust-proxy 127.0.0.1 --trust-proxy-header X-Forwarded-For`
    try {
      await serve(['app.wsgi', ...words, ...options.split(/\s+/)], folder, root, async () => {
        assert.match((await ask(port, '/api/x?y')).text, /^\/v2\/x\?y \/api 127\.0\.0\.1:/)
        const host = await ask(port, '/z', { headers: { Host: 'p.example' } })
        assert.equal(host.text, '/z undefined p.example')
        for (const coding of ['gzip', 'br']) {
          const answer = await ask(port, '/', { headers: { 'Accept-Encoding': coding } })
          assert.equal(answer.headers['content-encoding'], coding)
        }
        const behind = await ask(port, '/', { headers: { 'X-Forwarded-For': '192.0.2.1' } })
        assert.match(behind.text, /^REMOTE_ADDR=192\.0\.2\.1$/m)
      })
    } finally {
      backend.close()
    }
  })

  test('a service beside the application, and variables from a script', async () => {
    const { folder, port, root, words } = await made()
    writeFileSync(path.join(folder, 'vars.sh'), 'FROM_SCRIPT=yes; export FROM_SCRIPT\n')
    writeFileSync(
      path.join(folder, 'worker.py'),
      `import mod_wsgi, sys, time\nsys.stderr.write('works as %s\\n' % mod_wsgi.process_group)\nwhile True: time.sleep(1)\n`,
    )
    const options =
      '--service-script queue worker.py --service-script own worker.py --service-log-file own own_log --envvars-script vars.sh --startup-log'
    await serve(['app.wsgi', ...words, ...options.split(' ')], folder, root, async () => {
      assert.match((await ask(port, '/')).text, /^FROM_SCRIPT=yes$/m)
      const log = path.join(root, 'error_log')
      await until('the service', () => /works as service:queue/.test(readFileSync(log, 'utf8')))
      assert.ok(existsSync(path.join(root, 'startup_log')))
      await until('the other service', () =>
        /works as service:own/.test(readFileSync(path.join(root, 'own_log'), 'utf8')),
      )
      assert.doesNotMatch(readFileSync(log, 'utf8'), /works as service:own/)
    })
  })

  test('--telemetry-service: metrics arrive', async () => {
    const { folder, port, root, words } = await made()
    // the socket has to be one that the account of the application may write to
    const socket = path.join(folder, 'telemetry.sock')
    const python = findPython('3')?.executable as string
    const receiver = spawn(python, ['-c', RECEIVER, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
    let kinds = ''
    receiver.stdout.setEncoding('latin1').on('data', (text) => (kinds += text))
    try {
      await until('the receiver', () => existsSync(socket))
      const options = [
        '--telemetry-service',
        `unix:${socket}`,
        '--telemetry-interval',
        '0.5',
        '--slow-requests',
        '0',
      ]
      options.push('--telemetry-options', '+CaptureUserAgent')
      await serve(['app.wsgi', ...words, ...options], folder, root, async () => {
        await ask(port, '/', { headers: { 'User-Agent': 'named/1' } })
        // the counts of an interval, the slow request, the start
        for (const kind of [2, 4, 5]) await until(`a datagram ${kind}`, () => kinds.includes(` ${kind}`))
        await until('the name of the browser', () => kinds.includes('named'))
      })
    } finally {
      receiver.kill()
    }
  })
})
