import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { expires } from '../../src/modules/expires.js'
import { modules } from '../../src/modules/index.js'
import type { Request } from '../../src/request/request.js'
import { makeRequest } from '../support/request.js'
import { faultsOf } from '../support/site.js'

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)
const HOUR_AGO = NOW - 3_600_000

mock.timers.enable({ apis: ['Date'], now: NOW })

function headersFor(conf: string, set: (request: Request) => void = () => {}): string[] {
  const request = makeRequest(`ExpiresActive On\n${conf}`, {
    is: 'file',
    filename: '/a',
    modified: HOUR_AGO,
  })
  request.contentType = 'text/css; charset=utf-8'
  set(request)
  expires.hooks.responseHeaders(request)
  return [...request.headersOut.fields]
}
const cacheControl = (conf: string): string | undefined => headersFor(conf)[1]

test('codes, and which of them is for a type', () => {
  const rows: [conf: string, expected: string | undefined][] = [
    ['', undefined],
    ['ExpiresDefault A60', 'max-age=60'],
    ['ExpiresDefault M7200', 'max-age=3600'],
    ['ExpiresDefault "access plus 1 hour 5 minutes"', 'max-age=3900'],
    ['ExpiresDefault "now plus 1 year"', 'max-age=31536000'],
    ['ExpiresDefault "access 2 months 1 week 3 days 4 seconds"', `max-age=${60 * 86_400 + 10 * 86_400 + 4}`],
    ['ExpiresDefault "modification plus 30 minutes"', 'max-age=0'],
    ['ExpiresByType text/css A10\nExpiresDefault A60', 'max-age=10'],
    ['ExpiresByType text/* A20\nExpiresDefault A60', 'max-age=20'],
    ['ExpiresByType text/* A20\nExpiresByType TEXT/CSS A10', 'max-age=10'],
    ['ExpiresByType image/png A20\nExpiresDefault A60', 'max-age=60'],
    ['ExpiresByType text/css A10\n<Location />\nExpiresDefault A5\n</Location>', 'max-age=10'],
    ['ExpiresDefault A60\n<Location />\nExpiresActive Off\n</Location>', undefined],
  ]
  for (const [conf, expected] of rows) assert.equal(cacheControl(conf), expected, conf)
})

test('the date is that of the response and the time on top', () => {
  assert.deepEqual(headersFor('ExpiresDefault A60'), [
    'Cache-Control',
    'max-age=60',
    'Expires',
    'Fri, 02 Jan 2026 03:05:05 GMT',
  ])
})

test('an Expires that is there stays; Cache-Control is added to; errors get none, redirections do', () => {
  const conf = 'ExpiresDefault A60'
  assert.deepEqual(
    headersFor(conf, (request) => request.headersOut.set('Expires', '0')),
    ['Expires', '0'],
  )
  assert.equal(
    headersFor(conf, (request) => request.headersOut.set('Cache-Control', 'public'))[1],
    'public, max-age=60',
  )
  assert.deepEqual(
    headersFor(conf, (request) => {
      request.status = 404
    }),
    [],
  )
  assert.equal(
    headersFor(conf, (request) => {
      request.status = 301
    })[1],
    'max-age=60',
  )
})

test('mistakes are told', () => {
  const rows: [line: string, fault: RegExp][] = [
    ['ExpiresDefault tomorrow', /unrecognised <base> 'tomorrow'/],
    ['ExpiresDefault "later plus 1 day"', /unrecognised <base> 'later'/],
    ['ExpiresDefault "access plus one day"', /numeric value expected <num> 'one'/],
    ['ExpiresDefault "access plus 1"', /missing <type>/],
    ['ExpiresDefault "access plus 1 fortnight"', /unrecognised <type>'fortnight'/],
    ['ExpiresByType css A1', /should contain a slash/],
  ]
  for (const [line, fault] of rows) assert.match(faultsOf(line, modules).join(), fault, line)
})
