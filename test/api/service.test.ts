/** What a service has a say in, request by request: variables, errors, bodies that it has read. */
import assert from 'node:assert/strict'
import { createServer, type ServerResponse, request as send } from 'node:http'
import path from 'node:path'
import { test } from 'node:test'
import type { AnyRequest, MountedApplication, RequestError } from '../../src/index.js'
import { skipWithout } from '../support/pythons.js'
import { until } from '../support/wait.js'
import { withService } from './support.js'

const skip = skipWithout('3')

const SHOW = `
import json, os
def application(environ, start_response):
    what = environ['PATH_INFO']
    if what == '/raise':
        raise ValueError('told to')
    if what == '/die':
        os.kill(os.getpid(), 9)
    shown = dict((k, v) for k, v in environ.items() if isinstance(v, str))
    shown['body'] = environ['wsgi.input'].read().decode()
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(shown).encode()]
`

test('setEnv may be a function of the request', { skip }, async () => {
  const setEnv = ({ headers }: AnyRequest) => {
    if (headers['x-user'] === 'nobody') throw new Error('who is that')
    return {
      REMOTE_USER: headers['x-user'] as string,
      TENANT: undefined,
      [String(headers['x-name'] ?? 'A')]: 'b',
    }
  }
  await withService({ script: SHOW, setEnv }, async (service) => {
    const get = async (user: string, name = 'A') =>
      service.get('/', { headers: { 'X-User': user, 'X-Name': name } })
    const environ = JSON.parse((await get('alice')).text)
    assert.equal(environ.REMOTE_USER, 'alice')
    assert.equal(environ.A, 'b')
    assert.equal('TENANT' in environ, false)
    assert.equal(JSON.parse((await get('bob')).text).REMOTE_USER, 'bob')
    assert.equal((await get('nobody')).status, 500)
    await service.untilLogged(/error: setEnv has failed: Error: who is that/)
    assert.equal((await get('alice', 'PATH_INFO')).status, 500)
    await service.untilLogged(/setEnv: PATH_INFO is the server's to say/)
  })
})

test('names of setEnv that are not the service’s to give are refused', { skip }, async () => {
  await assert.rejects(
    withService({ script: SHOW, setEnv: { 'wsgi.input': '' } }, async () => {}),
    /the option setEnv is refused: wsgi\.input is the server's to say/,
  )
})

test('onError answers in place of error pages', { skip }, async () => {
  const seen: RequestError[] = []
  const options = {
    script: SHOW,
    limitRequestBody: 5,
    onError: (
      error: RequestError,
      request: AnyRequest,
      response: ServerResponse,
      next: (error?: unknown) => void,
    ) => {
      seen.push(error)
      if (request.headers['x-throw'] !== undefined) throw new Error('not this one')
      if (request.headers['x-next'] !== undefined || request.headers['x-page'] !== undefined)
        setImmediate(next, error)
      else
        response
          .writeHead(error.status, { 'Content-Type': 'application/json' })
          .end(`{"code":"${error.code}"}`)
    },
    listener: (app: MountedApplication) => (request: AnyRequest, response: ServerResponse) => {
      const next = (error: unknown) => response.writeHead(500).end(`next: ${(error as RequestError).message}`)
      app.handler(request, response, request.headers['x-next'] === undefined ? undefined : next)
    },
  }
  await withService(options, async (service) => {
    const raised = await service.get('/raise')
    assert.equal(raised.status, 500)
    assert.equal(raised.text, '{"code":"ERR_WSGI_HTTPD_REQUEST"}')
    assert.match(seen[0]?.requestId ?? '', /./)
    assert.equal(
      service.records.find(({ message }) => message.includes('ValueError'))?.request?.id,
      seen[0]?.requestId,
    )
    assert.equal((await service.get('/die', { headers: { 'X-Next': '1' } })).text, 'next: 502 Bad Gateway')
    assert.equal((await service.get('/', { method: 'POST', body: '123456' })).status, 413)
    assert.equal((await service.get('/%zz')).text, '{"code":"ERR_WSGI_HTTPD_REQUEST"}')
    assert.deepEqual(
      seen.map(({ status, statusCode }) => [status, statusCode]),
      [500, 502, 413, 400].map((status) => [status, status]),
    )
    const page = await service.get('/raise', { headers: { 'X-Throw': '1' } })
    assert.equal(page.status, 500)
    assert.match(page.text, /<h1>Internal Server Error/)
    await service.untilLogged(/onError has failed: Error: not this one/)
    assert.equal((await service.get('/')).status, 200)
    assert.match(
      (await service.get('/raise', { headers: { 'X-Page': '1' } })).text,
      /<h1>Internal Server Error/,
    )
    await until('all to be over', () => service.app.status().active === 0)
    await service.app.close()
    assert.equal((await service.get('/')).status, 503)
    assert.equal(seen.at(-1)?.status, 503)
  })
})

test('a body that was read before is the application’s where it was kept', { skip }, async () => {
  const listener = (app: MountedApplication) => async (request: AnyRequest, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const kept = Buffer.concat(chunks)
    // as one that unpacks does
    Object.assign(request, { rawBody: request.url === '/longer' ? Buffer.from(`${kept} and more`) : kept })
    app.handler(request, response)
  }
  await withService({ script: SHOW, listener }, async (service) => {
    const post = async (place: string, body: string, headers = {}) =>
      JSON.parse((await service.get(place, { method: 'POST', body, headers })).text)
    const kept = await post('/', '{"a":1}')
    assert.equal(kept.body, '{"a":1}')
    assert.equal(kept.CONTENT_LENGTH, '7')
    assert.equal((await post('/longer', 'this')).body, 'this and more')
    const chunked = await post('/', 'in chunks', { 'Transfer-Encoding': 'chunked', 'Content-Length': [] })
    assert.equal(chunked.body, 'in chunks')
    assert.equal(chunked.CONTENT_LENGTH, '9')
    assert.equal((await post('/', 'x'.repeat(200_000))).body.length, 200_000)
    assert.equal(JSON.parse((await service.get('/')).text).body, '')
  })
})

test('proxies that come through a UNIX socket', { skip }, async () => {
  const trustProxyHeader = ['X-Forwarded-For']
  const ask = (socketPath: string): Promise<string> =>
    new Promise((resolve, reject) => {
      send({ socketPath, path: '/', headers: { 'X-Forwarded-For': '192.0.2.7', Host: 'a' } }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (more: string) => {
          text += more
        })
        response.on('end', () => resolve(JSON.parse(text).REMOTE_ADDR))
      })
        .on('error', reject)
        .end()
    })
  for (const [trustProxy, address] of [
    [['unix'], '192.0.2.7'],
    [['0.0.0.0', '::1'], ''],
  ] as const)
    await withService({ script: SHOW, trustProxyHeader, trustProxy }, async (service) => {
      const socketPath = path.join(service.directory, 'socket')
      const server = createServer(service.app.handler)
      await new Promise<void>((resolve) => void server.listen(socketPath, resolve))
      try {
        assert.equal(await ask(socketPath), address)
        const headers = { 'X-Forwarded-For': '192.0.2.7' }
        assert.equal(JSON.parse((await service.get('/', { headers })).text).REMOTE_ADDR, '127.0.0.1')
      } finally {
        server.close()
        server.closeAllConnections()
      }
    })
})
