/** `.htaccess` files on the way to a file: what they change, when a change is seen, and what refuses a request. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { modules } from '../../../src/modules/index.js'
import { ask } from '../../support/http.js'
import { withServer } from '../../support/server.js'
import { withFront } from '../front.js'

const others = modules.filter(({ id }) => !['core_module', 'http_module', 'reqtimeout_module'].includes(id))
const allow = (words: string, more = '') =>
  `${more}\n<Directory "\${ROOT}">\nRequire all granted\nAllowOverride ${words}\n</Directory>`

const files = {
  'a.txt': 'a',
  'd/a.txt': 'a',
  'd/b.txt': 'b',
  'd/e/a.txt': 'a',
  'd/.htaccess':
    'Header append X ${GREETING}\n<Files b.txt>\nHeader append X b\n</Files>\n<If "%{QUERY_STRING} == \'q\'">\nHeader append X q\n</If>\n',
  'd/e/.htaccess': 'Header append X e\nRequire method GET\n',
}

test('each directory on the way has its say, inner ones later', async () => {
  await withFront(allow('All', 'Define GREETING d'), { files, modules: others }, async ({ port }) => {
    const x = async (place: string) => (await ask(port, place)).headers.x
    for (let round = 0; round < 2; round++) {
      assert.equal(await x('/a.txt'), undefined)
      assert.equal(await x('/d/a.txt'), 'd')
      assert.equal(await x('/d/b.txt?q'), 'd, b, q')
      assert.equal(await x('/d/e/a.txt'), 'd, e')
      assert.equal((await ask(port, '/d/e/a.txt', { method: 'POST' })).status, 403)
    }
  })
})

test('without AllowOverride they are not looked at; a directory below may allow them', async () => {
  const conf = `${allow('None')}\n<Directory "\${ROOT}/d/e">\nAllowOverride FileInfo AuthConfig\n</Directory>`
  await withFront(conf, { files, modules: others }, async ({ port }) => {
    assert.equal((await ask(port, '/d/a.txt')).headers.x, undefined)
    assert.equal((await ask(port, '/d/e/a.txt')).headers.x, 'e')
  })
})

test('the next request sees a change, a new file and a removed one, below too', async () => {
  await withFront(allow('All'), { files: { 'd/e/a.txt': 'a' }, modules: others }, async ({ port, root }) => {
    const file = path.join(root, 'd/.htaccess')
    const x = async () => (await ask(port, '/d/e/a.txt')).headers.x
    assert.equal(await x(), undefined)
    writeFileSync(file, 'Header set X 1\n')
    assert.equal(await x(), '1')
    // same size, and the time stamp that it had
    const { atime, mtime } = statSync(file)
    writeFileSync(file, 'Header set X 2\n')
    utimesSync(file, atime, mtime)
    assert.equal(await x(), '2')
    writeFileSync(file, 'Nonsense\n')
    assert.equal((await ask(port, '/d/e/a.txt')).status, 500)
    rmSync(file)
    assert.equal(await x(), undefined)
    assert.equal((await ask(port, '/d/e/a.txt')).status, 200)
  })
})

test('faults are answered with 500 and told in the log', async () => {
  const rows: [name: string, text: string, override: string, expected: RegExp][] = [
    ['unknown', 'Bogus 1', 'All', /core:alert {2}\/.*\/d\/\.htaccess: Invalid command 'Bogus'/],
    ['class', '\nHeader set X y', 'AuthConfig', /\.htaccess: Header not allowed here \(line 2\)/],
    ['section', '<Directory />\n</Directory>', 'All', /\.htaccess: <Directory not allowed here/],
    ['pass 1', '<Files x>', 'All', /\.htaccess: .*<Files> was not closed/],
    ['options', 'Options +ExecCGI', 'Options=Indexes', /\.htaccess: Option ExecCGI not allowed here/],
    [
      'expression',
      "<If \"file('/etc/passwd') == ''\">\n</If>",
      'All',
      /Function 'file' is not available here/,
    ],
  ]
  for (const [name, text, override, expected] of rows)
    await withFront(
      allow(override),
      { files: { 'd/a.txt': 'a', 'd/.htaccess': text, 'a.txt': 'a' }, modules: others },
      async ({ port, records }) => {
        assert.equal((await ask(port, '/d/a.txt')).status, 500, name)
        assert.equal((await ask(port, '/a.txt')).status, 200, name)
        assert.match(records.join('\n'), expected, name)
      },
    )
})

test('what is allowed by class, by option and by name', async () => {
  const rows: [text: string, override: string][] = [
    ['Options +Indexes', 'Options=Indexes,MultiViews'],
    ['Options All', 'Options'],
    ['DirectoryIndex x', 'Indexes'],
    ['Header set X y', 'None\nAllowOverrideList Header'],
    ['Bogus', 'All Nonfatal=Unknown'],
    ['Header set X y', 'AuthConfig Nonfatal=Override'],
    ['<IfModule mod_alias.c>\nRedirect 410 /gone\n</IfModule>', 'FileInfo'],
  ]
  for (const [text, override] of rows)
    await withFront(
      allow(override),
      { files: { 'd/a.txt': 'a', 'd/.htaccess': text }, modules: others },
      async ({ port, records }) => {
        assert.equal((await ask(port, '/d/a.txt')).status, 200, `${text} with ${override}: ${records}`)
        if (override.includes('Nonfatal')) assert.match(records.join(), /core:warn .*\.htaccess: /)
      },
    )
})

test('a file that cannot be read closes its directory', async () => {
  const prepare = (root: string) => execFileSync('mkfifo', [path.join(root, 'd/.htaccess')])
  await withFront(
    allow('All'),
    { files: { 'd/a.txt': 'a' }, modules: others, prepare },
    async ({ port, records }) => {
      assert.equal((await ask(port, '/d/a.txt')).status, 403)
      assert.match(records.join(), /core:crit AH00529 .*\/d\/\.htaccess pcfg_openfile.*Not a regular file/)
    },
  )
})

test('AccessFileName: the first name that exists counts', async () => {
  const conf = allow('All', 'AccessFileName .acl .htaccess')
  const named = { 'd/a.txt': 'a', 'd/.acl': 'Header set X acl', 'd/.htaccess': 'Header set X htaccess' }
  await withFront(conf, { files: named, modules: others }, async ({ port }) => {
    assert.equal((await ask(port, '/d/a.txt')).headers.x, 'acl')
  })
})

test('Options in a .htaccess file govern the symbolic links below', async () => {
  const prepare = (root: string) => symlinkSync(path.join(root, 'a.txt'), path.join(root, 'd/link'))
  const linked = { 'a.txt': 'a', 'd/.htaccess': 'Options -FollowSymLinks' }
  await withFront(allow('Options'), { files: linked, modules: others, prepare }, async ({ port, root }) => {
    assert.equal((await ask(port, '/d/link')).status, 403)
    writeFileSync(path.join(root, 'd/.htaccess'), '')
    assert.equal((await ask(port, '/d/link')).status, 200)
  })
})

test('on the real server', async () => {
  const conf = '<Directory "${ROOT}/htdocs">\nAllowOverride All\n</Directory>'
  const site = { 'htdocs/a.txt': 'a', 'htdocs/.htaccess': 'ErrorDocument 404 "nothing here"\n' }
  await withServer({ conf, files: site, python: 'none' }, async (server) => {
    assert.equal((await server.get('/none')).text, 'nothing here')
    server.write('htdocs/.htaccess', 'Require all denied\n')
    assert.equal((await server.get('/a.txt')).status, 403)
    server.write('htdocs/.htaccess', 'Bogus\n')
    assert.equal((await server.get('/a.txt')).status, 500)
    await server.waitForLog(/\[core:alert\] .*\/htdocs\/\.htaccess: Invalid command 'Bogus'/)
  })
})

test('a pattern that would be tried for ever costs no more than its request', async () => {
  const conf = '<Directory "${ROOT}/htdocs">\nAllowOverride All\n</Directory>'
  const files = { 'htdocs/.htaccess': 'RedirectMatch "^/(a+)+$" /there\n' }
  await withServer({ conf, files, python: 'none' }, async (server) => {
    const many = 'a'.repeat(60)
    assert.equal((await server.get(`/${many}!`)).status, 404)
    assert.equal((await server.get(`/${many}`)).status, 302)
  })
})
