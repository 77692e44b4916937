/** What becomes of a request when the way of its response to the client is at fault: the channel's calls never throw. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OutgoingMessage } from '../../src/http/message.js'
import type { PhaseTable } from '../../src/request/phases.js'
import type { Channel } from '../../src/wsgi/channel/channel.js'
import type { Flow, Place } from '../../src/wsgi/channel/types.js'
import { type Verdict, WsgiExchange } from '../../src/wsgi/exchange.js'
import { type MadeRequest, makeRequest } from '../support/request.js'

const PLACE: Place = {
  kind: 'script',
  script: '/a.wsgi',
  callable: 'application',
  reload: true,
  passAuthorization: false,
  base: {},
}
const FLOW: Flow = { resume() {}, drained() {} }

function broken(): never {
  throw new Error('by design')
}

/** An exchange whose response header is edited by `edit` on its way, and what is asked of the channel and of the gateway. */
function exchangeFor(request: MadeRequest, edit: () => void) {
  const phases = { responseHeaders: [edit], outputFilter: () => undefined } as unknown as PhaseTable
  request.transaction = { last: request, phases }
  const verdicts: Verdict[] = []
  const asked: string[] = []
  const exchange = new WsgiExchange(
    request,
    PLACE,
    '',
    { fixed: '', rawHeaders: [], extra: undefined },
    { kind: 'none' },
    { errorOverride: false, internalRedirect: false },
    undefined,
    { causeOfDeath: async () => '', settled: (_, verdict) => verdicts.push(verdict) },
  )
  const channel = {
    dispatch: () => asked.push('dispatch'),
    cancel: () => asked.push('cancel'),
  } as unknown as Channel
  return { exchange, channel, verdicts, asked }
}

function assertTold({ records }: MadeRequest): void {
  assert.deepEqual(
    records.map(({ level, code }) => [level, code]),
    [['error', 'WSGH0001']],
  )
  assert.match(records[0]?.message ?? '', /^Internal fault while handling \/: Error: by design/)
}

test('a whole response whose header cannot be made: 500', () => {
  const request = makeRequest('')
  const { exchange, channel, verdicts } = exchangeFor(request, broken)
  exchange.begin(channel)
  exchange.answered(200, 'OK', [], 'body')
  assert.deepEqual(verdicts, [{ status: 500 }])
  assertTold(request)
})

test('a response in parts whose header cannot be made: 500, and the application is told', () => {
  const request = makeRequest('')
  const { exchange, channel, verdicts, asked } = exchangeFor(request, broken)
  exchange.begin(channel)
  exchange.head(200, 'OK', [], FLOW)
  assert.deepEqual(verdicts, [{ status: 500 }])
  assert.deepEqual(asked, ['dispatch', 'cancel'])
  assert.equal(exchange.data(Buffer.from('more')), true)
  exchange.aborted('cancelled')
  assert.equal(verdicts.length, 1)
  assertTold(request)
})

const BREAKS: readonly (readonly [string, Partial<OutgoingMessage>, (exchange: WsgiExchange) => void])[] = [
  ['a piece', { write: broken }, (exchange) => exchange.data(Buffer.from('piece'))],
  ['the end', { end: broken }, (exchange) => exchange.end()],
  ['a loan', { handOver: broken }, (exchange) => exchange.lend(3072, true)],
  ['the rest of a loan', { writeAsIs: broken }, (exchange) => exchange.dataAsIs(Buffer.from('piece'))],
]

for (const [what, facts, use] of BREAKS)
  test(`a response that breaks at ${what} is over, and the application is told`, () => {
    const request = makeRequest('')
    Object.assign(request.outgoing, facts)
    const { exchange, channel, verdicts, asked } = exchangeFor(request, () => {})
    exchange.begin(channel)
    exchange.head(200, 'OK', [], FLOW)
    use(exchange)
    assert.deepEqual(verdicts, [{ status: 500 }])
    assert.deepEqual(asked, ['dispatch', 'cancel'])
    assertTold(request)
  })

test('a request whose client has gone before there was an interpreter is not run', () => {
  const request = makeRequest('')
  const { exchange, channel, asked } = exchangeFor(request, () => {})
  request.onAbort?.()
  exchange.begin(channel)
  assert.deepEqual(asked, [])
})
