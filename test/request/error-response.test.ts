import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sendWhole } from '../../src/request/response.js'
import { ask, raw } from '../support/http.js'
import { hooksOf, withFront } from './front.js'

const FILES = { 'gone.html': 'sorry', 'a.txt': 'x' }

test('the built-in page names the status and hides nothing that was set for all responses', async () => {
  const refusing = hooksOf({
    checkAccess: (request) => {
      request.headersOut.set('X-Own', 'a')
      request.errHeadersOut.set('WWW-Authenticate', 'Basic realm="a"')
      return 401
    },
  })
  await withFront('', { modules: [refusing] }, async ({ port }) => {
    const answer = await ask(port, '/')
    assert.equal(answer.status, 401)
    assert.equal(answer.headers['www-authenticate'], 'Basic realm="a"')
    assert.equal(answer.headers['x-own'], undefined)
    assert.equal(answer.headers['content-type'], 'text/html; charset=iso-8859-1')
    assert.match(answer.text, /<title>401 Unauthorized<\/title>/)
    assert.doesNotMatch(answer.text, /<address>/)
  })
})

test('the 500 page names somebody to tell where there is no ServerAdmin', async () => {
  const failing = hooksOf({ handler: () => 500 })
  await withFront('', { modules: [failing] }, async ({ port }) => {
    assert.match((await ask(port, '/')).text, /Please tell the administrator when/)
  })
})

test('ServerSignature adds a line about the server, ServerAdmin is in the 500 page', async () => {
  const conf = 'ServerSignature EMail\nServerAdmin "a&b@example.com"\nServerTokens Prod\nUseCanonicalName On'
  const failing = hooksOf({ handler: (request) => (request.path === '/500' ? 500 : undefined) })
  await withFront(conf, { modules: [failing] }, async ({ port }) => {
    const page = (await ask(port, '/nope')).text
    assert.match(
      page,
      /<address>wsgi-httpd Server at <a href="mailto:a&#38;b@example.com">localhost<\/a> Port 80</,
    )
    assert.match((await ask(port, '/500')).text, /a&#38;b@example\.com/)
  })
})

test('ErrorDocument with a text', async () => {
  await withFront('ErrorDocument 404 "nothing here"', {}, async ({ port }) => {
    const answer = await ask(port, '/nope')
    assert.equal(answer.status, 404)
    assert.equal(answer.text, 'nothing here')
  })
})

test('ErrorDocument with a file is sent with the status of the error', async () => {
  const variables: Record<string, string> = {}
  const seeing = hooksOf({
    fixups: (request) => {
      if (request.path === '/nope') request.env.set('COLOUR', 'red')
      if (request.prev !== undefined) {
        for (const [name, value] of request.env) variables[name] = value
        variables.method = request.method
        variables.query = request.query ?? ''
        variables.target = request.target
      }
      return undefined
    },
  })
  await withFront(
    'ErrorDocument 404 /gone.html?x=1',
    { files: FILES, modules: [seeing] },
    async ({ port, ended }) => {
      const answer = await ask(port, '/nope?a=b', { method: 'POST', body: 'abc' })
      assert.equal(answer.status, 404)
      assert.equal(answer.text, 'sorry')
      assert.deepEqual(variables, {
        REDIRECT_COLOUR: 'red',
        REDIRECT_REQUEST_METHOD: 'POST',
        REDIRECT_STATUS: '404',
        REDIRECT_URL: '/nope',
        REDIRECT_QUERY_STRING: 'a=b',
        method: 'GET',
        query: 'x=1',
        target: '/nope?a=b',
      })
      assert.equal(ended.length, 1)
      assert.equal(ended[0]?.original.status, 404)
      assert.equal(ended[0]?.original.requestLine, 'POST /nope?a=b HTTP/1.1')
    },
  )
})

test('a conditional request does not turn an error page into 304', async () => {
  await withFront('ErrorDocument 404 /gone.html', { files: FILES }, async ({ port }) => {
    const headers = { 'If-None-Match': '*', Range: 'bytes=0-1' }
    const answer = await ask(port, '/nope', { headers })
    assert.equal(answer.status, 404)
    assert.equal(answer.text, 'sorry')
  })
})

test('an application as error document sets the status itself', async () => {
  const application = hooksOf({
    handler: (request) => {
      if (request.path !== '/app') return undefined
      request.status = 200
      sendWhole(request, 'fine')
      return 'done'
    },
  })
  await withFront('ErrorDocument 404 /app', { modules: [application] }, async ({ port }) => {
    const answer = await ask(port, '/nope')
    assert.equal(answer.status, 200)
    assert.equal(answer.text, 'fine')
  })
})

test('ErrorDocument with a URL sends the client there', async () => {
  await withFront('ErrorDocument 404 http://elsewhere.test/x', {}, async ({ port }) => {
    const answer = await ask(port, '/nope')
    assert.equal(answer.status, 302)
    assert.equal(answer.headers.location, 'http://elsewhere.test/x')
  })
})

test('an error document that fails too gives the page of the first error', async () => {
  // with the very settings of the first request, access would not be checked again
  const own = '<Location /forbidden>\nErrorDocument 410 other\n</Location>'
  const conf = `ErrorDocument 404 /forbidden\nErrorDocument 403 /nope\n${own}`
  const forbidding = hooksOf({ checkAccess: (request) => (request.path === '/forbidden' ? 403 : undefined) })
  await withFront(conf, { modules: [forbidding] }, async ({ port, ended }) => {
    const answer = await ask(port, '/nope')
    assert.equal(answer.status, 404)
    assert.match(answer.text, /<h1>Not Found<\/h1>[^]*could not be shown either: 403 Forbidden/)
    assert.equal(ended.length, 1)
    assert.equal(ended[0]?.status, 404)
  })
})

test('inner ErrorDocument wins, default brings the built-in page back', async () => {
  const conf = 'ErrorDocument 404 "outer text"\n<Location /in>\nErrorDocument 404 default\n</Location>'
  await withFront(conf, {}, async ({ port }) => {
    assert.equal((await ask(port, '/out')).text, 'outer text')
    assert.match((await ask(port, '/in')).text, /<h1>Not Found/)
  })
})

test('a chain of internal redirects ends at the limit', async () => {
  const { internalRedirect } = await import('../../src/request/process.js')
  const turning = hooksOf({ handler: (request) => internalRedirect(request, '/again') })
  await withFront('LimitInternalRecursion 3', { modules: [turning] }, async ({ port, records }) => {
    assert.equal((await ask(port, '/')).status, 500)
    assert.equal(records.filter((record) => record.includes('AH00124')).length, 1)
  })
})

test('a look-up runs the phases of another URL and sends nothing', async () => {
  const found: (string | number)[] = []
  const looking = hooksOf({
    fixups: async (request) => {
      if (request.main !== undefined || request.path !== '/d/') return undefined
      for (const url of ['b.txt', '/a.txt', 'none', '%2e%2e/a.txt?q']) {
        const other = await request.dispatch?.lookUp(request, url)
        found.push(other?.status ?? 0, other?.path ?? '', other?.finfo?.size ?? -1)
      }
      return undefined
    },
  })
  const files = { 'd/b.txt': 'yy', 'a.txt': 'x' }
  await withFront('', { files, modules: [looking] }, async ({ port, ended }) => {
    await ask(port, '/d/')
    assert.deepEqual(found, [200, '/d/b.txt', 2, 200, '/a.txt', 1, 200, '/d/none', -1, 200, '/a.txt', 1])
    assert.equal(ended.length, 1)
  })
})

test('what cannot be parsed gets the same pages', async () => {
  await withFront('ErrorDocument 400 "not like this"', {}, async ({ port, ended }) => {
    const answer = await raw(port, 'hello\r\n\r\n')
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n[^]*not like this$/)
    assert.equal(ended[0]?.requestLine, 'hello')
  })
})
