import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodePath, findPlace, type RequestUrls } from '../../src/api/place.js'

/** What a router does with the URL; base, path and query that follow; `bare` where the client asked for the base itself. */
const CASES: readonly [urls: RequestUrls, mountPoint: string, found: string | undefined][] = [
  [{ url: '/' }, '', ' + /'],
  [{ url: '/a?b?c' }, '', ' + /a ? b?c'],
  [{ url: '/a?' }, '', ' + /a ? '],
  [{ url: 'http://host.example/a?b' }, '', ' + /a ? b'],
  [{ url: 'http://host.example' }, '', ' + /'],
  [{ url: '/py/a' }, '/py', '/py + /a'],
  [{ url: '/py' }, '/py', '/py + / bare'],
  [{ url: '/py?q' }, '/py', '/py + / bare ? q'],
  [{ url: '/p%79/a' }, '/py', '/p%79 + /a'],
  [{ url: '/pyx' }, '/py', undefined],
  [{ url: '/p%zz' }, '/py', undefined],
  [{ url: '/p' }, '/py', undefined],
  [{ url: '*' }, '/py', undefined],
  // Express
  [{ url: '/a?b', originalUrl: '/py/a?b', baseUrl: '/py' }, '', '/py + /a ? b'],
  [{ url: '/', originalUrl: '/py', baseUrl: '/py' }, '', '/py + / bare'],
  [{ url: '/?q', originalUrl: '/py?q', baseUrl: '/py' }, '', '/py + / bare ? q'],
  [{ url: '/', originalUrl: '/py/', baseUrl: '/py' }, '', '/py + /'],
  [{ url: '/a', originalUrl: '/a', baseUrl: '' }, '', ' + /a'],
  [{ url: '/new', originalUrl: '/py/old', baseUrl: '/py' }, '', '/py + /new'],
  [{ url: '/app/a', originalUrl: '/py/app/a', baseUrl: '/py' }, '/app', '/py/app + /a'],
  [{ url: '/app', originalUrl: '/py/app', baseUrl: '/py' }, '/app', '/py/app + / bare'],
  // Connect
  [{ url: '/a?b', originalUrl: '/py/a?b' }, '', '/py + /a ? b'],
  [{ url: '/', originalUrl: '/py' }, '', '/py + / bare'],
  [{ url: '/?q', originalUrl: '/py?q' }, '', '/py + / bare ? q'],
  [{ url: '/', originalUrl: '/py/' }, '', '/py + /'],
  [{ url: '/', originalUrl: '/' }, '', ' + /'],
  [{ url: '/rewritten', originalUrl: '/py/a' }, '', ' + /rewritten'],
]

test('what a router has cut off is the base', () => {
  for (const [urls, mountPoint, expected] of CASES) {
    const found = findPlace(urls, mountPoint)
    const shown =
      found &&
      `${found.base} + ${found.path}${found.isBare ? ' bare' : ''}${found.query === undefined ? '' : ` ? ${found.query}`}`
    assert.equal(shown, expected, JSON.stringify([urls, mountPoint]))
    if (found !== undefined) assert.equal(found.target, urls.originalUrl ?? urls.url)
  }
})

test('paths are decoded, and nothing in them is resolved', () => {
  for (const [path, expected] of [
    ['/a//b/./../c', '/a//b/./../c'],
    ['/%61%2Fb%2f%2E%2E', '/a/b/..'],
    ['/%C3%A9', '/\u00c3\u00a9'],
    ['/%', 400],
    ['/%z0', 400],
    ['/%0', 400],
    ['/a%00', 404],
  ] as const)
    assert.equal(decodePath(path), expected, path)
})
