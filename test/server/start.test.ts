/** What a start reads of Node: each part costs its first response some milliseconds. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { builtInTypes } from '../../src/modules/built-in-types.js'
import { PROJECT, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

/** Tells again and again which of its modules Node has loaded, in a file of each process. */
const TELL = `const { existsSync, renameSync, writeFileSync } = require('node:fs')
const file = __dirname + '/seen/' + process.pid
setInterval(() => {
  if (!existsSync(__dirname + '/seen')) return
  writeFileSync(file + '.new', JSON.stringify([process.argv[1], process.moduleLoadList]))
  renameSync(file + '.new', file)
}, 20).unref()
`

/** For what the configuration below does not have. */
const NOT_NEEDED =
  /^NativeModule (crypto|http|https|http2|tls|zlib|readline|dns\/promises|fs\/promises|internal\/blocklist)$/

test('processes of a plain server read nothing of Node for TLS, HTTP/2, proxies, passwords or compression', async (t) => {
  if (!existsSync(path.join(PROJECT, 'build', 'program', 'worker-main.js')))
    return t.skip('no bundle has been made, and modules load all that they import')
  await withServer(
    {
      conf: 'WSGIScriptAlias / "${ROOT}/apps/hello.wsgi"\n<Location />\n  Require all granted\n</Location>',
      files: { 'tell.cjs': TELL },
      apps: {
        'hello.wsgi': `def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'hello']
`,
      },
      env: { NODE_OPTIONS: '--require=${ROOT}/tell.cjs' },
    },
    async (server) => {
      const { root } = server.layout
      const seen = path.join(root, 'seen')
      mkdirSync(seen)
      chmodSync(seen, 0o777)
      assert.equal((await server.get('/')).status, 200)
      const after = Date.now() + 100
      const lists = () =>
        readdirSync(seen)
          .filter((name) => !name.endsWith('.new') && statSync(path.join(seen, name)).mtimeMs > after)
          .map((name) => JSON.parse(readFileSync(path.join(seen, name), 'utf8')) as [string, string[]])
      await until('the lists of a server worker and of the supervisor', () => {
        const programs = lists().map(([program]) => path.basename(program))
        return programs.includes('worker-main.js') && programs.includes('wsgi-httpd.js')
      })
      for (const [program, modules] of lists())
        assert.deepEqual(
          modules.filter((name) => NOT_NEEDED.test(name)),
          [],
          program,
        )
    },
  )
})

test('the bundle has the finished table of media types', (t) => {
  const program = path.join(PROJECT, 'build', 'program', 'worker-main.program.js')
  if (!existsSync(program)) return t.skip('no bundle has been made')
  const text = readFileSync(program, 'utf8').replaceAll('\\"', '"')
  assert.ok(text.includes(JSON.stringify(builtInTypes())))
  assert.ok(!text.includes('("mime-types")'))
})
