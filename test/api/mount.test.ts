import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import type { AnyRequest, MountedApplication } from '../../src/index.js'
import { skipWithout } from '../support/pythons.js'
import { type ServiceOptions, withService } from './support.js'

const skip = skipWithout('3')

/** Answers with its environ, and does what the last part of the path says. */
const SHOW = `
import json, os
def application(environ, start_response):
    what = environ['PATH_INFO'].rsplit('/', 1)[-1]
    shown = dict((k, v) for k, v in environ.items() if isinstance(v, (str, bool, int)))
    shown['os'] = os.environ.get('FROM_SERVICE')
    body = json.dumps(shown).encode()
    headers = [('Content-Type', 'application/json'), ('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2'), ('X-Own', 'application')]
    if what == 'length':
        headers.append(('Content-Length', '5'))
        body = b'12345'
    if what in ('204', '304'):
        start_response(what + ' Nothing', headers)
        return []
    if what == 'raise':
        raise ValueError('told to, \\u00e9')
    if what == 'split':
        headers.append(('X-Split', 'a\\r\\nSet-Cookie: c=3'))
    if what == 'location':
        headers.append(('Location', '/elsewhere'))
    if what == 'body':
        body = environ['wsgi.input'].read()
    start_response('200 Fine', headers)
    return [body]
`

const withShow = (options: Omit<ServiceOptions, 'script'>, use: Parameters<typeof withService>[1]) =>
  withService({ script: SHOW, ...options }, use)

test('the environ of a request', { skip }, async () => {
  await withShow({ setEnv: { COLOUR: 'blue' }, env: { FROM_SERVICE: 'yes' } }, async (service) => {
    const answer = await service.get('/a%20b/x%2Fy/./z?q=1&r')
    const environ = JSON.parse(answer.text)
    assert.equal(answer.status, 200)
    assert.equal(answer.reason, 'Fine')
    assert.equal(environ.SCRIPT_NAME, '')
    assert.equal(environ.PATH_INFO, '/a b/x/y/./z')
    assert.equal(environ.QUERY_STRING, 'q=1&r')
    assert.equal(environ.REQUEST_URI, '/a%20b/x%2Fy/./z?q=1&r')
    assert.equal(environ.REMOTE_ADDR, '127.0.0.1')
    assert.equal(environ['wsgi.url_scheme'], 'http')
    assert.equal(environ.SERVER_NAME, 'localhost')
    assert.equal(environ.SERVER_PORT, String(service.port))
    assert.equal(environ.SERVER_PROTOCOL, 'HTTP/1.1')
    assert.equal(environ['wsgi.multithread'], true)
    assert.equal(environ['wsgi.multiprocess'], false)
    assert.equal(environ['mod_wsgi.process_group'], 'app.wsgi')
    assert.equal(environ['mod_wsgi.application_group'], '')
    assert.equal(environ.COLOUR, 'blue')
    assert.equal(environ.os, 'yes')
  })
})

test('responses: repeated fields, HEAD, 204 and 304, no Server field', { skip }, async () => {
  await withShow({}, async (service) => {
    const whole = await service.get('/')
    assert.deepEqual(whole.headers['set-cookie'], ['a=1', 'b=2'])
    assert.equal(whole.headers.server, undefined)
    assert.equal((await service.get('/length')).headers['content-length'], '5')
    const head = await service.get('/length', { method: 'HEAD' })
    assert.equal(head.status, 200)
    assert.equal(head.headers['content-length'], '5')
    assert.equal(head.text, '')
    for (const status of [204, 304]) {
      const answer = await service.get(`/${status}`)
      assert.equal(answer.status, status)
      assert.equal(answer.text, '')
      assert.equal(answer.headers['transfer-encoding'], undefined)
    }
  })
})

test('a body of known length, and one in chunks', { skip }, async () => {
  await withShow({}, async (service) => {
    const ordinary = await service.get('/body', { method: 'POST', body: 'as it is' })
    assert.equal(ordinary.text, 'as it is')
    const large = 'x'.repeat(300_000)
    assert.equal((await service.get('/body', { method: 'POST', body: large })).text, large)
    const chunked = await service.raw(
      'POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nin \r\n6\r\nchunks\r\n0\r\n\r\n',
    )
    assert.match(chunked, /^HTTP\/1\.1 200 Fine\r\n/)
    assert.match(chunked, /in chunks/)
  })
})

test('a body beyond limitRequestBody gets 413, one of unknown length 411 where these are not wanted', {
  skip,
}, async () => {
  await withShow({ limitRequestBody: 10, chunkedRequest: false }, async (service) => {
    assert.equal((await service.get('/body', { method: 'POST', body: '12345678901' })).status, 413)
    assert.equal((await service.get('/body', { method: 'POST', body: '1234567890' })).text, '1234567890')
    const headers = { 'Transfer-Encoding': 'chunked', 'Content-Length': [] }
    assert.equal((await service.get('/body', { method: 'POST', body: '1', headers })).status, 411)
  })
})

test('Expect: 100-continue is answered when the application reads', { skip }, async () => {
  const head =
    'HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n'
  await withShow({}, async (service) => {
    assert.match(
      await service.raw(`POST /body ${head}body`),
      /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 Fine\r\n[^]*body/,
    )
    assert.match(await service.raw(`POST /unread ${head}`), /^HTTP\/1\.1 200 Fine\r\n/)
    // without a listener Node answers by itself, and once
    service.server.removeAllListeners('checkContinue')
    const answer = await service.raw(`POST /body ${head}body`)
    assert.equal(answer.match(/100 Continue/g)?.length, 1)
    assert.match(answer, /200 Fine[^]*body/)
  })
})

test('an exception gives 500 and a traceback in the log; what would split the response is refused', {
  skip,
}, async () => {
  await withShow({}, async (service) => {
    const answer = await service.get('/raise')
    assert.equal(answer.status, 500)
    assert.doesNotMatch(answer.text, /told to/)
    await service.untilLogged(/error: .*ValueError: told to, é/)
    const record = service.records.find(({ message }) => message.includes('ValueError'))
    assert.equal(record?.request?.method, 'GET')
    assert.equal(record?.request?.url, '/raise')
    assert.equal(record?.module, 'wsgi')
    const split = await service.get('/split')
    assert.equal(split.status, 500)
    assert.equal(split.headers['set-cookie'], undefined)
  })
})

test('a Location of a 200 is the client’s: there is nothing to redirect to internally', {
  skip,
}, async () => {
  await withShow({}, async (service) => {
    const answer = await service.get('/location')
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.location, '/elsewhere')
  })
})

test('mountPoint: other URLs go to next, or get 404', { skip }, async () => {
  const listener = (app: MountedApplication) => (request: AnyRequest, response: ServerResponse) =>
    request.headers['x-next'] === undefined
      ? app.handler(request, response)
      : app.handler(request, response, () => response.end('next'))
  await withShow({ mountPoint: '/deep/app/', listener }, async (service) => {
    const environ = async (place: string) => JSON.parse((await service.get(place)).text)
    const found = await environ('/deep/app/in/side?x')
    assert.equal(found.SCRIPT_NAME, '/deep/app')
    assert.equal(found.PATH_INFO, '/in/side')
    assert.equal(found.REQUEST_URI, '/deep/app/in/side?x')
    assert.equal((await environ('/deep/app')).PATH_INFO, '')
    assert.equal((await environ('/deep/%61pp/x')).SCRIPT_NAME, '/deep/app')
    assert.equal((await service.get('/deep/apple')).status, 404)
    assert.equal((await service.get('/', { headers: { 'X-Next': '1' } })).text, 'next')
  })
})

/** What Express does to a request below `app.use(prefix)`; Connect and middie leave `baseUrl` out. */
function router(prefix: string, hasBaseUrl: boolean) {
  return (app: MountedApplication) => (request: AnyRequest, response: ServerResponse) => {
    const url = request.url ?? '/'
    if (!url.startsWith(prefix)) {
      response.end('elsewhere')
      return
    }
    const rest = url.slice(prefix.length)
    response.setHeader('X-From-Service', 'yes')
    response.setHeader('X-Own', 'service')
    request.url = rest.startsWith('/') ? rest : `/${rest}`
    Object.assign(request, { originalUrl: url, ...(hasBaseUrl && { baseUrl: prefix }) })
    app.handler(request, response, () => response.end('next'))
  }
}

for (const [kind, hasBaseUrl] of [
  ['Express', true],
  ['Connect', false],
] as const)
  test(`below a prefix as ${kind} cuts it off`, { skip }, async () => {
    await withShow({ listener: router('/py', hasBaseUrl) }, async (service) => {
      const answer = await service.get('/py/a/b?c')
      const environ = JSON.parse(answer.text)
      assert.equal(environ.SCRIPT_NAME, '/py')
      assert.equal(environ.PATH_INFO, '/a/b')
      assert.equal(environ.QUERY_STRING, 'c')
      assert.equal(environ.REQUEST_URI, '/py/a/b?c')
      assert.equal(answer.headers['x-from-service'], 'yes')
      assert.equal(answer.headers['x-own'], 'application')
      assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2'])
      assert.equal(JSON.parse((await service.get('/py')).text).PATH_INFO, '')
      assert.equal(JSON.parse((await service.get('/py/')).text).PATH_INFO, '/')
      assert.equal(JSON.parse((await service.get('/py?c')).text).QUERY_STRING, 'c')
      assert.equal((await service.get('/other')).text, 'elsewhere')
      // a guard at /py/y has not seen these as /py/y, and neither does the application
      for (const path of ['//y', '/./y', '/x/../y', '/../../y', '/http://a//b', '/x/..'])
        assert.equal(JSON.parse((await service.get(`/py${path}`)).text).PATH_INFO, path)
      const encoded = JSON.parse((await service.get('/py/%2e/%2e%2Fy%C3%A9')).text)
      assert.equal(encoded.SCRIPT_NAME, '/py')
      assert.equal(encoded.PATH_INFO, '/././y\u00c3\u00a9')
      assert.equal((await service.get('/py/%zz')).status, 400)
      assert.equal((await service.get('/py/%00')).status, 404)
    })
  })

test('a body that was read before is told, not waited for', { skip }, async () => {
  const listener = (app: MountedApplication) => async (request: AnyRequest, response: ServerResponse) => {
    for await (const _ of request) {
      // as express.json() does
    }
    app.handler(request, response)
  }
  await withShow({ listener }, async (service) => {
    assert.equal((await service.get('/body', { method: 'POST', body: '{}' })).status, 500)
    assert.match(
      service.log(),
      /error: POST \/body: the request body has been read before .* mount it before/,
    )
    assert.equal((await service.get('/')).status, 200)
  })
})

test('proxies that are trusted say who the client is', { skip }, async () => {
  const headers = { 'X-Forwarded-For': '192.0.2.7', 'X-Forwarded-Proto': 'https' }
  const trustProxyHeader = ['X-Forwarded-For', 'X-Forwarded-Proto']
  await withShow({ trustProxyHeader, trustProxy: ['127.0.0.1'] }, async (service) => {
    const environ = JSON.parse((await service.get('/', { headers })).text)
    assert.equal(environ.REMOTE_ADDR, '192.0.2.7')
    assert.equal(environ['wsgi.url_scheme'], 'https')
  })
  await withShow({ trustProxyHeader, trustProxy: ['192.0.2.0/24'] }, async (service) => {
    assert.equal(JSON.parse((await service.get('/', { headers })).text).REMOTE_ADDR, '127.0.0.1')
  })
})

test('requests that no server may take', { skip }, async () => {
  await withShow({}, async (service) => {
    assert.match(
      await service.raw('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n'),
      /^HTTP\/1\.1 400 /,
    )
    assert.match(
      await service.raw('GET / HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n'),
      /^HTTP\/1\.1 400 /,
    )
    assert.match(
      await service.raw('GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
      /^HTTP\/1\.1 400 /,
    )
    assert.match(
      await service.raw('GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n'),
      /"PATH_INFO": "\/x"/,
    )
    assert.match(await service.raw('GET /old HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /)
  })
})
