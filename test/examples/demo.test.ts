import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { findPython, skipWithout, usable } from '../support/pythons.js'
import { PROJECT, type ServerOptions, withServer } from '../support/server.js'

const read = (name: string) => readFileSync(path.join(PROJECT, 'examples/demo', name), 'utf8')

function demo(): ServerOptions {
  const python = findPython('3')
  return {
    bare: true,
    conf: read('httpd.conf'),
    apps: { 'demo.wsgi': read('apps/demo.wsgi') },
    files: { 'static/index.html': read('static/index.html'), 'static/demo.css': read('static/demo.css') },
    args: [
      '-C',
      'Define LOGS .',
      ...(python === undefined ? [] : ['-C', `WSGIPythonHome "${usable(python).home}"`]),
    ],
  }
}

test('the demo: daemon, files', { skip: skipWithout('3') }, async () => {
  await withServer(demo(), async (server) => {
    const page = await server.get('/')
    assert.equal(page.status, 200)
    assert.match(page.text, /It runs in a daemon process/)
    assert.match(page.text, /<dd>1 since this interpreter/)
    assert.match((await server.get('/any/path?a=b')).text, /<dd>2 since this interpreter/)
    assert.match((await server.get('/static/')).text, /This page is a file/)
    assert.equal((await server.get('/static/demo.css')).headers['content-type'], 'text/css')
    assert.equal((await server.get('/static/none')).status, 404)
    await server.waitForLog(/"GET \/any\/path\?a=b HTTP\/1\.1" 200 \d+$/m, 'access.log')
  })
})

test('the demo: embedded', { skip: skipWithout('3') }, async () => {
  await withServer(demo(), async (server) => {
    assert.match((await server.get('/embedded')).text, /It runs embedded, inside the server process/)
  })
})
