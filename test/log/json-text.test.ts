/** Formats that are JSON objects: whatever clients send, each line can be parsed. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Settings } from '../../src/config/settings.js'
import { compileLogFormat } from '../../src/log/access-format.js'
import { compileErrorFormat, MAX_LINE_BYTES } from '../../src/log/error-format.js'
import { cutJsonText, isJsonFormat, jsonText } from '../../src/log/json-text.js'
import { PROJECT, withServer } from '../support/server.js'
import { until } from '../support/wait.js'
import { makeRequest, makeServer, names } from './support.js'

/** Bytes of a generator that always yields the same. */
function* bytes(): Generator<number, never> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    yield state >>> 24
  }
}

const stream = bytes()
function randomText(length: number): string {
  // those that JSON cares for come more often than by chance
  const favoured = '"\\\b\t\v\n\r\x7f\xff{}'
  return Array.from({ length }, () => {
    const byte = stream.next().value
    return byte < 64 ? favoured.charAt(byte % favoured.length) : String.fromCharCode(stream.next().value)
  }).join('')
}

test('a format is JSON where it is an object as a whole', () => {
  for (const format of ['{"a":"%h"}', ' { "a" : "%h" } ', '{\n"a":"%h"\n}'])
    assert.equal(isJsonFormat(format), true, format)
  for (const format of ['%{a}i', '{"a":"%h"} x', 'x {"a":"%h"}', '%h', ''])
    assert.equal(isJsonFormat(format), false, format)
})

test('escapes of httpd become those of JSON', () => {
  const rows: readonly [text: string, expected: string][] = [
    ['plain', 'plain'],
    ['\\xff\\x00', '\\u00ff\\u0000'],
    ['\\v\\t\\b\\n\\r', '\\u000b\\t\\b\\n\\r'],
    ['\\\\xff', '\\\\xff'],
    ['\\\\\\xff', '\\\\\\u00ff'],
    ['a "b" \\"c\\"', 'a \\"b\\" \\"c\\"'],
    ['\xe9\x01', '\\u00e9\\u0001'],
    ['\\q', '\\\\q'],
  ]
  for (const [text, expected] of rows) assert.equal(jsonText(text), expected, text)
})

test('what is cut ends with a whole escape', () => {
  const text = '\\\\a\\u00ff"'
  for (let most = 0; most <= text.length; most++)
    assert.doesNotThrow(() => JSON.parse(`"${cutJsonText(text, most).replace(/"$/, '')}"`), `${most}`)
  assert.equal(cutJsonText(text, 9), '\\\\a\\u00ff')
  assert.equal(cutJsonText(text, 8), '\\\\a')
})

const ACCESS =
  '{"time":"%{%Y-%m-%dT%H:%M:%S%z}t", "client":"%a", "user":"%u", "line":"%r", "path":"%U", "query":"%q", "status":%>s, "bytes":%B, "agent":"%{User-Agent}i"}'

test('an access log in JSON can be parsed whatever a client sends', () => {
  const print = compileLogFormat(ACCESS, names)
  for (let round = 0; round < 2000; round++) {
    const agent = randomText(30)
    const request = makeRequest({
      headers: ['User-Agent', agent],
      set: (request) => {
        request.path = request.target = `/${randomText(20)}`
        request.query = randomText(5)
        request.user = randomText(round % 4)
        if (round % 2 === 0) request.rawLine = randomText(40)
      },
    })
    const line = print(request)
    assert.match(line, /^[ -~]*$/)
    const { agent: shown, path } = JSON.parse(line) as Record<string, string>
    assert.equal(shown, agent)
    assert.equal(path, request.path)
  }
})

const ERROR =
  '{"time":"%{cu}t", "level":"%l", "module":"%m", "pid":%P, "client":"%a", "agent":"%{User-Agent}i", "message":"%M"}'

test('an error log in JSON can be parsed whatever is in a message, its length included', () => {
  const print = compileErrorFormat(ERROR, 'main')
  const server = makeServer(new Settings())
  const request = makeRequest({ headers: ['User-Agent', randomText(3000)] })
  for (let round = 0; round < 500; round++) {
    const message = randomText(round < 450 ? 50 : 2000 + round)
    const record = { module: 'core', level: 'error', message, pid: 7, tid: 7 } as const
    const line = print({
      record: round % 3 === 0 ? { ...record, request } : record,
      level: 3,
      time: 1795354038302043,
      server,
      names,
    })
    assert.ok(line.length <= MAX_LINE_BYTES)
    const parsed = JSON.parse(line) as Record<string, unknown>
    assert.deepEqual(Object.keys(parsed), ['time', 'level', 'module', 'pid', 'client', 'agent', 'message'])
    if (round < 450 && round % 3 !== 0) assert.equal(parsed.message, message)
    assert.ok(message.startsWith(parsed.message as string))
  }
})

test('other formats are as httpd has them', () => {
  const request = makeRequest({ headers: ['User-Agent', 'a"\xff\v'] })
  assert.equal(compileLogFormat('"%{User-Agent}i"', names)(request), '"a\\"\\xff\\v"')
})

test('the formats of docs/logging.md are JSON', () => {
  const page = readFileSync(path.join(PROJECT, 'docs', 'logging.md'), 'utf8')
  const written = /```apache\n(LogFormat "\{[^]*?)```/.exec(page)?.[1]
  const conf = written?.replace('logs/access.json', 'access.json')
  return withServer({ conf: `${conf}\nLogLevel debug` }, async (server) => {
    const agent = 'a"\\\\\t\xe9'
    const head = `GET /%22%c3%a9?"\\ HTTP/1.1\r\nHost: x\r\nUser-Agent: ${agent}\r\nConnection: close\r\n\r\n`
    for (const sent of [head, '\x16\x03"\\\xff']) await server.raw(Buffer.from(sent, 'latin1'))
    const [first, second] = await until('two requests in the log', () => {
      const all = server.layout.read('access.json').trimEnd().split('\n')
      return all.length === 2 ? all.map((line): Record<string, string> => JSON.parse(line)) : undefined
    })
    assert.equal(first?.agent, agent)
    assert.equal(second?.line, '\x16\x03"\\\xff')
    assert.match(first?.time ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}$/)
    const records = server
      .errorLog()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.ok(records.some(({ message }) => message.includes('WSGH0008: request refused')))
  })
})
