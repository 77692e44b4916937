import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directive, flag } from '../../src/config/directive.js'
import { settingsKey } from '../../src/config/settings.js'
import { accessCompat } from '../../src/modules/access-compat.js'
import type { Hook, HttpdModule, Outcome } from '../../src/modules/module.js'
import { sendStatus } from '../../src/request/response.js'
import { ask } from '../support/http.js'
import { hooksOf, withFront } from './front.js'

/** The phases that a request to `path` passes, with hooks that answer what the table says and decline elsewhere. */
async function passed(
  conf: string,
  answers: Readonly<Record<string, Outcome | Promise<Outcome>>>,
  modules: Parameters<typeof withFront>[1]['modules'] = [],
): Promise<{ phases: string[]; status: number; records: string[] }> {
  const phases: string[] = []
  const hook =
    (name: string): Hook =>
    () => {
      phases.push(name)
      return answers[name]
    }
  const seeing = hooksOf({
    postReadRequest: hook('postReadRequest'),
    translateName: hook('translateName'),
    headerParser: hook('headerParser'),
    checkAccess: hook('checkAccess'),
    checkAccessEx: hook('checkAccessEx'),
    checkUser: hook('checkUser'),
    checkAuth: hook('checkAuth'),
    typeChecker: hook('typeChecker'),
    fixups: hook('fixups'),
    handler: (request) => {
      phases.push('handler')
      sendStatus(request, 204)
      return 'done'
    },
    responseHeaders: () => void phases.push('responseHeaders'),
    logTransaction: () => void phases.push('logTransaction'),
  })
  const second = hooksOf({ translateName: hook('translateName 2'), fixups: hook('fixups 2') }, 'second')
  let status = 0
  const kept: string[] = []
  await withFront(conf, { modules: [...modules, seeing, second] }, async ({ port, records, ended }) => {
    status = (await ask(port, '/')).status
    const { until } = await import('../support/wait.js')
    await until('the request to be logged', () => ended.length === 1)
    kept.push(...records)
  })
  return { phases, status, records: kept }
}

const BEFORE = [
  'postReadRequest',
  'translateName',
  'translateName 2',
  'headerParser',
  'checkAccess',
  'checkAccessEx',
]
const AFTER = ['typeChecker', 'fixups', 'fixups 2', 'handler', 'responseHeaders', 'logTransaction']

test("all phases run in httpd's order", async () => {
  const { phases, status } = await passed('', { checkUser: 'ok', checkAuth: 'ok' })
  assert.deepEqual(phases, [...BEFORE, 'checkUser', 'checkAuth', ...AFTER])
  assert.equal(status, 204)
})

test('the same when every hook answers later', async () => {
  const late = (outcome: Outcome) => new Promise<Outcome>((resolve) => setImmediate(resolve, outcome))
  const answers = Object.fromEntries([...BEFORE, 'fixups'].map((name) => [name, late(undefined)]))
  const { phases, status } = await passed('', { ...answers, checkUser: late('ok'), checkAuth: late('ok') })
  assert.deepEqual(phases, [...BEFORE, 'checkUser', 'checkAuth', ...AFTER])
  assert.equal(status, 204)
})

test('ok ends a phase that one module answers, not one that all take part in', async () => {
  const { phases } = await passed('', { translateName: 'ok', fixups: 'ok', checkAccessEx: 'ok' })
  assert.deepEqual(phases, [...BEFORE.filter((name) => name !== 'translateName 2'), ...AFTER])
})

test('a status ends the request, and the access log is still written', async () => {
  const { phases, status } = await passed('', { checkAccess: 403 })
  assert.deepEqual(phases.slice(-3), ['checkAccess', 'responseHeaders', 'logTransaction'])
  assert.equal(status, 403)
})

test('nobody to ask who it is, or whether that user may: 500', async () => {
  const unknown = await passed('', {})
  assert.equal(unknown.status, 500)
  assert.match(unknown.records.join(), /AH00027/)
  const unjudged = await passed('', { checkUser: 'ok' })
  assert.equal(unjudged.status, 500)
  assert.ok(!unjudged.phases.includes('handler'))
})

test('Satisfy Any: passing the first check is enough, and failing it is not the end', async () => {
  const conf = '<Location />\nSatisfy Any\n</Location>'
  const pass = await passed(conf, {}, [accessCompat])
  assert.equal(pass.status, 204)
  assert.ok(!pass.phases.includes('checkAccessEx'))
  const asked = await passed(conf, { checkAccess: 403, checkUser: 'ok', checkAuth: 'ok' }, [accessCompat])
  assert.equal(asked.status, 204)
  assert.deepEqual(asked.phases, [...BEFORE, 'checkUser', 'checkAuth', ...AFTER])
  const refused = await passed(conf, { checkAccess: 403, checkUser: 401 }, [accessCompat])
  assert.equal(refused.status, 401)
})

test('a hook whose settings nobody has set is left out, place by place', async () => {
  const server = settingsKey('tested server', { on: false })
  const dir = settingsKey('tested directory', { on: false })
  const sets = (name: string, key: typeof server, scope: 'server' | 'dir') =>
    directive({
      name,
      syntax: 'On',
      contexts: scope === 'server' ? ['server', 'vhost'] : ['server', 'vhost', 'directory'],
      override: 'All',
      help: 'sets something',
      ...flag((cmd, on) => {
        cmd[scope].draft(key).on = on
      }),
    })
  const called: string[] = []
  const hook =
    (name: string): Hook =>
    (request) => {
      called.push(`${name} ${request.path}`)
      return undefined
    }
  const needing: HttpdModule = {
    ...hooksOf(
      { translateName: hook('translate'), headerParser: hook('parse'), fixups: hook('fix') },
      'needing',
    ),
    directives: [sets('TestServer', server, 'server'), sets('TestDir', dir, 'dir')],
    needs: { translateName: [server], headerParser: [server, dir], fixups: [dir] },
  }
  const answering = hooksOf({
    handler: (request) => {
      sendStatus(request, 204)
      return 'done'
    },
  })
  const conf = `
    <Location /b>
      TestDir Off
    </Location>
    <If "%{REQUEST_URI} == '/c'">
      TestDir On
    </If>
    <VirtualHost *:*>
      ServerName plain.example
    </VirtualHost>
    <VirtualHost *:*>
      ServerName set.example
      TestServer On
    </VirtualHost>`
  await withFront(conf, { modules: [needing, answering] }, async ({ port }) => {
    for (let round = 0; round < 2; round++)
      for (const host of ['plain.example', 'set.example'])
        for (const path of ['/a', '/b', '/c']) {
          called.length = 0
          assert.equal((await ask(port, path, { headers: { Host: host } })).status, 204)
          const isSet = host === 'set.example'
          const expected = [
            ...(isSet ? [`translate ${path}`] : []),
            ...(isSet || path !== '/a' ? [`parse ${path}`] : []),
            ...(path !== '/a' ? [`fix ${path}`] : []),
          ]
          assert.deepEqual(called, expected, `${host}${path}`)
        }
  })
})
