import assert from 'node:assert/strict'
import { test } from 'node:test'
import { summary } from '../../../src/cli/start-server/summary.js'
import { plan } from './planning.js'

test('the URL is one that is answered', () => {
  const cases: [string[], string][] = [
    [[], 'http://localhost:8000/'],
    [['--port', '80'], 'http://localhost/'],
    [['--host', '127.0.0.2'], 'http://127.0.0.2:8000/'],
    ...['0.0.0.0', '::', '[::]', '*'].map((all): [string[], string] => [
      ['--host', all],
      'http://localhost:8000/',
    ]),
    [['--host', '::1', '--mount-point', '/app'], 'http://[::1]:8000/app'],
    [['--host', '[::1]'], 'http://[::1]:8000/'],
    // requests for an address would get 403
    [['--host', '127.0.0.1', '--server-name', 'a.example'], 'http://a.example:8000/'],
  ]
  for (const [words, url] of cases)
    assert.equal(/^Server URL +: (.*)$/m.exec(summary(plan(['app.wsgi', ...words]), 'x', true))?.[1], url)
})

test('https and the status page have URLs of their own', () => {
  const words = ['--server-name', 'a.example', '--server-status', '--https-port', '443']
  const text = summary(plan(['app.wsgi', ...words, '--ssl-certificate', 'site']), 'x', true)
  assert.match(text, /^ +: https:\/\/a\.example\/$/m)
  assert.match(text, /^Status +: http:\/\/a\.example:8000\/server-status$/m)
})
