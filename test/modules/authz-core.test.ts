import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authnCore } from '../../src/modules/authn-core.js'
import { Container, evaluate } from '../../src/modules/authz-core/authority.js'
import { authzCore } from '../../src/modules/authz-core.js'
import type { Answer } from '../../src/modules/authz-provider.js'
import { modules } from '../../src/modules/index.js'
import { makeRequest, type RequestFacts } from '../support/request.js'
import { faultsOf, siteOf } from '../support/site.js'

const { checkAccessEx, checkAuth } = authzCore.hooks
const at = (lines: string, place = '/'): string => `<Location ${place}>\n${lines}\n</Location>\n`

test('results without a user', async () => {
  const inside = { connection: { remoteAddress: '10.1.2.3' } }
  const rows: [lines: string, facts: RequestFacts, outcome: unknown][] = [
    ['', {}, 'ok'],
    ['Require all granted', {}, 'ok'],
    ['Require all denied', {}, 403],
    ['Require ip 10', inside, 'ok'],
    ['Require ip 10', {}, 403],
    ['Require ip 10\nRequire valid-user', inside, 'ok'],
    ['Require ip 10\nRequire valid-user', {}, undefined],
    ['Require valid-user', {}, undefined],
    ['<RequireAll>\nRequire ip 10\nRequire valid-user\n</RequireAll>', inside, undefined],
    ['<RequireAll>\nRequire ip 10\nRequire valid-user\n</RequireAll>', {}, 403],
    ['<RequireAll>\nRequire all granted\nRequire not ip 10\n</RequireAll>', inside, 403],
    ['<RequireAll>\nRequire all granted\nRequire not ip 10\n</RequireAll>', {}, 'ok'],
    [
      '<RequireAll>\nRequire all granted\n<RequireNone>\nRequire ip 10\nRequire ip 11\n</RequireNone>\n</RequireAll>',
      inside,
      403,
    ],
    [
      '<RequireAll>\nRequire all granted\n<RequireNone>\nRequire ip 11\n</RequireNone>\n</RequireAll>',
      inside,
      'ok',
    ],
    ['<RequireAny>\nRequire ip 11\nRequire local\n</RequireAny>', inside, 403],
    ['<Limit POST>\nRequire all denied\n</Limit>', { method: 'GET' }, 'ok'],
    ['<Limit POST>\nRequire all denied\n</Limit>', { method: 'POST' }, 403],
    ['<LimitExcept GET>\nRequire valid-user\n</LimitExcept>', { method: 'HEAD' }, 'ok'],
    ['<LimitExcept GET>\nRequire valid-user\n</LimitExcept>', { method: 'PUT' }, undefined],
    ['Require method GET', { method: 'HEAD' }, 'ok'],
    ['Require method GET', { method: 'POST' }, 403],
    ['Require env ok', { env: { ok: '' } }, 'ok'],
    ['Require env OK other', { env: { ok: '1' } }, 'ok'],
    ['Require env ok', {}, 403],
  ]
  for (const [lines, facts, outcome] of rows) {
    assert.equal(
      await checkAccessEx(makeRequest(at(lines), facts)),
      outcome,
      `${lines} ${JSON.stringify(facts)}`,
    )
  }
})

test('a refusal is logged with the file, or the URL where there is none', () => {
  const request = makeRequest(at('Require all denied'), { url: '/x', filename: '/srv/x' })
  checkAccessEx(request)
  const [entry] = request.records
  assert.deepEqual(
    [entry?.level, entry?.code, entry?.message],
    ['error', 'AH01630', 'client denied by server configuration: /srv/x'],
  )
})

test('a user is needed and nothing can authenticate: 500', () => {
  const request = makeRequest(at('Require valid-user'))
  assert.equal(checkAccessEx(request), undefined)
  assert.equal(authnCore.hooks.checkUser(request), 500)
  assert.match(request.records.at(-1)?.message ?? '', /Authentication not configured\?/)
})

test('users: by name, or any', async () => {
  const lines = 'Require user ann bob'
  assert.equal(await checkAuth(makeRequest(at(lines), { user: 'bob' })), 'ok')
  assert.equal(await checkAuth(makeRequest(at(lines), { user: 'eve' })), 403)
  assert.equal(await checkAuth(makeRequest(at('Require valid-user'), { user: 'eve' })), 'ok')
})

test('the innermost section replaces outer ones, AuthMerging joins them', async () => {
  const outer = at('Require ip 10')
  const rows: [inner: string, address: string, outcome: unknown][] = [
    ['Require all granted', '192.0.2.1', 'ok'],
    ['AuthzSendForbiddenOnFailure On', '192.0.2.1', 403],
    ['AuthMerging Off', '192.0.2.1', 403],
    ['AuthMerging And\nRequire ip 10.1', '10.2.0.0', 403],
    ['AuthMerging And\nRequire ip 10.1', '10.1.0.0', 'ok'],
    ['AuthMerging And\nRequire ip 192', '192.0.2.1', 403],
    ['AuthMerging Or\nRequire ip 192', '192.0.2.1', 'ok'],
    ['AuthMerging Or\nRequire ip 192', '10.0.0.1', 'ok'],
    ['AuthMerging Or\nRequire ip 192', '11.0.0.1', 403],
  ]
  for (const [inner, remoteAddress, outcome] of rows) {
    const request = makeRequest(outer + at(inner, '/in'), { url: '/in', connection: { remoteAddress } })
    assert.equal(await checkAccessEx(request), outcome, inner)
  }
})

test('what cannot work is refused when the configuration is read', () => {
  const rows: [lines: string, fault: string][] = [
    ['Require', 'Unknown Authz provider: '],
    ['Require group-of-friends x', 'Unknown Authz provider: group-of-friends'],
    ['Require all', "Argument for 'Require all' must be 'granted' or 'denied'"],
    ['Require ip 300.1', "ip address '300.1' appears to be invalid: The specified IP address is invalid."],
    ['Require ip here', "ip address 'here' appears to be invalid"],
    ['Require ip', "'require ip' requires an argument"],
    ['Require method GOT', "Invalid Method 'GOT'"],
    ['Require not ip 10', 'negative Require directive has no effect in <RequireAny> directive'],
    [
      '<RequireNone>\nRequire ip 10\n</RequireNone>',
      '<RequireNone> directive has no effect in <RequireAny> directive',
    ],
    ['<RequireAll>\n</RequireAll>', '<RequireAll> directive contains no authorization directives'],
    [
      '<RequireAll>\nRequire not ip 10\n</RequireAll>',
      '<RequireAll> directive contains only negative authorization directives',
    ],
    [
      '<RequireAll x>\nRequire ip 10\n</RequireAll>',
      "<RequireAll> directive doesn't take additional arguments",
    ],
    ['AuthMerging Perhaps', 'AuthMerging must be one of: Off | And | Or'],
  ]
  for (const [lines, fault] of rows) assert.deepEqual(faultsOf(at(lines), modules), [fault], lines)
  assert.match(
    faultsOf(at('Require expr true x'), modules).join(),
    /^Cannot parse expression in require line: syntax error/,
  )
  assert.match(faultsOf(at('AuthType Magic'), modules).join(), /AuthType Magic is not supported/)
})

test('the verdict of lines that need no request is known beforehand', () => {
  const container = new Container('any')
  container.of.push({
    kind: 'condition',
    text: 'all granted',
    negate: false,
    limits: undefined,
    test: 'granted',
  })
  assert.equal(container.constant, 'granted')
  const asked = new Container('any')
  asked.of.push({ kind: 'condition', text: 'x', negate: false, limits: undefined, test: () => 'denied' })
  assert.equal(asked.constant, undefined)
})

test('every combination of two answers', () => {
  const answers: Answer[] = ['granted', 'denied', 'deniedNoUser', 'neutral']
  const expected = {
    all: 'granted denied deniedNoUser granted|denied denied denied denied|deniedNoUser denied deniedNoUser deniedNoUser|granted denied deniedNoUser neutral',
    any: 'granted granted granted granted|granted denied deniedNoUser denied|granted deniedNoUser deniedNoUser deniedNoUser|granted denied deniedNoUser neutral',
  }
  for (const kind of ['all', 'any'] as const) {
    const table = answers.map((first) =>
      answers.map((second) => {
        const container = new Container(kind)
        for (const answer of [first, second]) {
          container.of.push({
            kind: 'condition',
            text: answer,
            negate: false,
            limits: undefined,
            test: () => answer,
          })
        }
        return evaluate(container, makeRequest(''))
      }),
    )
    assert.equal(table.map((row) => row.join(' ')).join('|'), expected[kind], kind)
  }
})

test('conditions that take time give the same answers, and are asked no more than needed', async () => {
  let asked = 0
  const later = (answer: Answer) => async () => {
    asked++
    return answer
  }
  const container = new Container('any')
  for (const answer of ['denied', 'granted', 'granted'] as const) {
    container.of.push({
      kind: 'condition',
      text: answer,
      negate: false,
      limits: undefined,
      test: later(answer),
    })
  }
  assert.equal(await evaluate(container, makeRequest('')), 'granted')
  assert.equal(asked, 2)
})

test('a Location that undoes the denials of directories is warned of', () => {
  const warnings = (conf: string): string[] => siteOf(conf, modules).warnings.map(({ message }) => message)
  const denied = '<Directory /srv>\nRequire all denied\n</Directory>\n'
  assert.match(warnings(denied + at('Require all granted')).join(), /undoes every denial.*line 1 of/)
  assert.deepEqual(warnings(denied + at('Require all granted', '/in')), [])
  assert.deepEqual(warnings(denied + at('Require ip 10')), [])
})
