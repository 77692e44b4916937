/** Header fields, where middlewares stand between the client and the application. */
import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { fieldsOf } from '../../src/api/request-fields.js'
import { setFields } from '../../src/api/response-fields.js'
import type { AnyRequest, MountedApplication } from '../../src/index.js'
import { skipWithout } from '../support/pythons.js'
import { until } from '../support/wait.js'
import { withService } from './support.js'

const skip = skipWithout('3')

function response(): ServerResponse {
  return new ServerResponse(new IncomingMessage(new Socket()))
}

/** What the service says, what the application says, and what the client gets. */
const JOINED: readonly [name: string, service: string | string[], application: string[], sent: unknown][] = [
  ['X-Own', 'service', ['application'], 'application'],
  ['X-Own', 'service', ['one', 'two'], ['one', 'two']],
  ['Set-Cookie', 'a=1', ['b=2', 'c=3'], ['a=1', 'b=2', 'c=3']],
  ['Set-Cookie', ['a=1', 'b=2'], ['a=3'], ['a=1', 'b=2', 'a=3']],
  ['Link', '</a>; rel=preload', ['</b>; rel=preload'], ['</a>; rel=preload', '</b>; rel=preload']],
  ['Vary', 'Origin', ['Cookie', 'accept'], ['Origin, Cookie', 'accept']],
  ['Vary', 'Origin, Accept', ['accept, Cookie'], 'Origin, Accept, Cookie'],
  ['Vary', 'Origin', ['*'], '*'],
  ['Content-Type', 'text/plain', ['text/html'], 'text/html'],
]

test('fields of the service and of the application', () => {
  for (const [name, service, application, sent] of JOINED) {
    const one = response()
    one.setHeader(name.toLowerCase(), service)
    one.setHeader('X-Service', '1')
    setFields(
      one,
      application.flatMap((value) => [name, value]),
    )
    assert.deepEqual(one.getHeader(name), sent, name)
    assert.equal(one.getHeader('x-service'), '1')
  }
})

test('fields that cannot be sent leave nothing behind', () => {
  for (const wrong of [
    ['X Y', 'a'],
    ['X-Y', 'a\r\nb'],
  ]) {
    const one = response()
    assert.throws(() => setFields(one, ['Set-Cookie', 'a=1', ...wrong]))
    assert.deepEqual(one.getHeaderNames(), [])
  }
})

function request(
  rawHeaders: readonly string[],
  change: (headers: IncomingMessage['headers']) => void = () => {},
) {
  const one = new IncomingMessage(new Socket())
  one.rawHeaders = rawHeaders.slice()
  for (let at = 0; at < rawHeaders.length; at += 2)
    (one as unknown as { _addHeaderLine(name: string, value: string, to: object): void })._addHeaderLine(
      rawHeaders[at] as string,
      rawHeaders[at + 1] as string,
      one.headers,
    )
  change(one.headers)
  return one
}

test('a request has the fields that middlewares have left', () => {
  const sent = [
    'Host',
    'a.example',
    'X-User',
    'mallory',
    'X-Gone',
    '1',
    'Cookie',
    'a=1',
    'Cookie',
    'b=2',
    'X-A',
    '1',
    'X-A',
    '2',
  ]
  const { fields, fault } = fieldsOf(
    request(sent, (headers) => {
      delete headers['x-gone']
      headers['X-User'] = 'alice'
      headers['x-new'] = ['1', '2']
      headers['x-none'] = undefined
      headers['x-name'] = '\u0141\u0000'
    }),
  )
  assert.equal(fault, undefined)
  assert.deepEqual(fields, [
    ...['host', 'a.example', 'x-user', 'alice', 'cookie', 'a=1; b=2', 'x-a', '1, 2', 'x-new', '1, 2'],
    ...['x-name', '\u00c5\u0081'],
  ])
  assert.equal(fieldsOf(request(['Host', 'a', 'host', 'b'])).fault, 'more than one Host field')
  assert.match(fieldsOf(request(['Authorization', 'a', 'Authorization', 'a'])).fault ?? '', /Authorization/)
})

const SHOW = `
import json
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/json'), ('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2'), ('Vary', 'Cookie')])
    return [json.dumps(dict((k, v) for k, v in environ.items() if isinstance(v, str))).encode()]
`

test('the application is given what a middleware has made of the request', { skip }, async () => {
  const listener = (app: MountedApplication) => (request: AnyRequest, response: ServerResponse) => {
    delete request.headers['x-remote-user']
    request.headers['x-user'] = 'alice'
    app.handler(request, response)
  }
  await withService({ script: SHOW, listener }, async (service) => {
    const headers = { 'X-Remote-User': 'mallory', 'X-User': 'mallory' }
    const environ = JSON.parse((await service.get('/', { headers })).text)
    assert.equal(environ.HTTP_X_REMOTE_USER, undefined)
    assert.equal(environ.HTTP_X_USER, 'alice')
    assert.match(environ.HTTP_HOST, /^(localhost|127\.0\.0\.1)/)
  })
})

/** `writeHead` as on-headers 1.0 replaces it, with which compression, morgan and express-session came for years. */
function onHeaders(response: ServerResponse, listener: () => void): void {
  const before = response.writeHead
  response.writeHead = ((...given: unknown[]) => {
    const at = typeof given[1] === 'string' ? 2 : 1
    for (const field of (given[at] ?? []) as string[])
      response.setHeader(field[0] as string, field[1] as string)
    listener()
    return before.apply(response, given.slice(0, at) as never)
  }) as never
}

test('a middleware sees the fields, adds to them, and finds them afterwards', { skip }, async () => {
  const seen: unknown[] = []
  const listener = (app: MountedApplication) => (request: AnyRequest, response: ServerResponse) => {
    if (request.url === '/set') response.setHeader('Set-Cookie', 'service=1').setHeader('Vary', 'Origin')
    onHeaders(response, () => {
      seen.push(response.getHeader('content-type'))
      response.setHeader('X-Added', 'yes')
    })
    response.on('finish', () => seen.push(response.getHeaders()['content-type']))
    app.handler(request, response)
  }
  await withService({ script: SHOW, listener }, async (service) => {
    const answer = await service.get('/')
    assert.equal(answer.headers['content-type'], 'application/json')
    assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2'])
    assert.equal(answer.headers['x-added'], 'yes')
    await until('both to have been seen', () => seen.length === 2)
    assert.deepEqual(seen, ['application/json', 'application/json'])
    const set = await service.get('/set')
    assert.deepEqual(set.headers['set-cookie'], ['service=1', 'a=1', 'b=2'])
    assert.equal(set.headers.vary, 'Origin, Cookie')
    // the case that the application has written
    const head = await service.raw('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    assert.match(head, /\r\nContent-Type: application\/json\r\n/)
  })
})
