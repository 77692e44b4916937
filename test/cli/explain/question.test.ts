import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readQuestion } from '../../../src/cli/explain/question.js'
import { UsageError } from '../../../src/cli/usage-error.js'

test('a URL says where a request goes, as clients send it', () => {
  const rows: [
    url: string,
    scheme: string,
    host: string,
    port: number | undefined,
    target: string,
    to: string,
  ][] = [
    ['http://a.example/x?y=%2f#z', 'http', 'a.example', 80, '/x?y=%2f', '127.0.0.1'],
    ['https://a.example:8443', 'https', 'a.example:8443', 8443, '/', '127.0.0.1'],
    ['HTTPS://a.example?y', 'https', 'a.example', 443, '/?y', '127.0.0.1'],
    ['a.example/a/../b', 'http', 'a.example', 80, '/a/../b', '127.0.0.1'],
    ['http://10.1.2.3:81/', 'http', '10.1.2.3:81', 81, '/', '10.1.2.3'],
    ['http://[::1]:81/', 'http', '[::1]:81', 81, '/', '::1'],
    ['/x', 'http', 'localhost', undefined, '/x', '127.0.0.1'],
  ]
  for (const [url, scheme, host, port, target, to] of rows) {
    const { question } = readQuestion([url])
    assert.deepEqual(
      [question.scheme, question.host, question.port, question.target, question.to],
      [scheme, host, port, target, to],
      url,
    )
  }
})

test('options stand anywhere, and flags are left for whoever reads the configuration', () => {
  const words = [
    '-f',
    'a.conf',
    '--method=POST',
    '/x',
    '--header',
    'A: b: c',
    '-DX',
    '--header=D:e',
    '--from',
    '10.0.0.1',
  ]
  const { question, flags } = readQuestion([...words, '--to', '10.0.0.2'])
  assert.deepEqual(flags, ['-f', 'a.conf', '-DX'])
  assert.equal(question.method, 'POST')
  assert.deepEqual(question.headers, ['A', 'b: c', 'D', 'e'])
  assert.deepEqual([question.from, question.to], ['10.0.0.1', '10.0.0.2'])
})

test('what is no question is told', () => {
  const rows: [words: string[], message: RegExp][] = [
    [[], /takes a URL/],
    [['/a', '/b'], /one URL, and '\/b' is another/],
    [['/a', '--from'], /--from takes ADDRESS/],
    [['/a', '--header', 'x'], /takes 'NAME: VALUE', not 'x'/],
    [['http://a b/'], /no URL/],
    [['http://user@host/'], /no URL/],
  ]
  for (const [words, message] of rows)
    assert.throws(
      () => readQuestion(words),
      (error: unknown) =>
        error instanceof UsageError && error.command === 'explain' && message.test(error.message),
      words.join(' '),
    )
})
