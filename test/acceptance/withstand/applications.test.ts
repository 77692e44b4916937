/**
 * Applications that do what they should not: each is answered with the right status, leaves a line in the error log that says why, and
 * takes nothing else down. The same in daemon and in embedded mode.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { skipWithout } from '../../support/pythons.js'
import { type TestServer, withServer } from '../../support/server.js'
import { until } from '../../support/wait.js'
import { WELL, WELL_APP, WELL_FILES, whileOthersAnswer } from './meanwhile.js'

interface Fault {
  readonly name: string
  readonly app: string
  /** Default 500. */
  readonly status?: number
  readonly log: RegExp
}

const START = "start_response('200 OK', [('Content-Type', 'text/plain')])"

const FAULTS: readonly Fault[] = [
  { name: 'has a syntax error', app: 'def application(environ, start_response:\n', log: /SyntaxError/ },
  {
    name: 'imports what is not there',
    app: 'import no_such_module\n',
    log: /No module named .?no_such_module/,
  },
  { name: 'calls sys.exit when loaded', app: 'import sys\nsys.exit(3)\n', log: /SystemExit/ },
  { name: 'has no application', app: 'app = None\n', log: /does not contain WSGI application 'application'/ },
  { name: 'calls sys.exit in a request', app: inRequest('import sys; sys.exit(3)'), log: /SystemExit/ },
  { name: 'raises', app: inRequest("raise ValueError('on purpose')"), log: /ValueError: on purpose/ },
  {
    name: 'raises what is no Exception',
    app: inRequest('raise KeyboardInterrupt()'),
    log: /KeyboardInterrupt/,
  },
  {
    name: 'recurses without end',
    app: inRequest('application(environ, start_response)'),
    log: /RecursionError|recursion/,
  },
  { name: 'returns None', app: inRequest(`${START}; return None`), log: /TypeError/ },
  { name: 'returns an int', app: inRequest(`${START}; return 42`), log: /TypeError/ },
  { name: 'returns a str', app: inRequest(`${START}; return 'text'`), log: /TypeError/ },
  { name: 'returns a list of str', app: inRequest(`${START}; return ['text']`), log: /TypeError/ },
  { name: 'returns a list of None', app: inRequest(`${START}; return [None]`), log: /TypeError/ },
  { name: 'never starts the response', app: inRequest("return [b'text']"), log: /start_response/ },
  {
    name: 'gives a bad status',
    app: inRequest("start_response('fine', []); return [b'']"),
    log: /ValueError/,
  },
  {
    name: 'gives a header with a line feed',
    app: inRequest("start_response('200 OK', [('X-A', 'a\\r\\nX-Evil: 1')]); return [b'']"),
    log: /ValueError/,
  },
  {
    name: 'raises in close()',
    app: `
class Answer(list):
    def close(self):
        raise ValueError('in close')

def application(environ, start_response):
    ${START}
    return Answer([b'fine'])
`,
    status: 200,
    log: /ValueError: in close/,
  },
]

const BLOCKING = `
import os
import time

while not os.path.exists(os.path.join(os.path.dirname(__file__), 'go')):
    time.sleep(0.01)

def application(environ, start_response):
    ${START}
    return [b'at last']
`

const PRINTING = `
import sys

LINE = 'x' * 99

def application(environ, start_response):
    for number in range(40000):
        print(LINE)
    print('the last line')
    ${START}
    return [b'printed']
`

const apps = {
  'well.wsgi': WELL_APP,
  'blocking.wsgi': BLOCKING,
  'printing.wsgi': PRINTING,
  ...Object.fromEntries(FAULTS.map(({ name, app }) => [fileOf(name), app])),
}

const MODES = {
  'daemon mode': `WSGIDaemonProcess faulty threads=2
WSGIDaemonProcess blocking threads=2
<Location /faults>
    WSGIProcessGroup faulty
</Location>
<Location /blocked>
    WSGIProcessGroup blocking
</Location>
`,
  'embedded mode': '',
}

describe('an application that', { skip: skipWithout('3'), concurrency: true }, () => {
  for (const [mode, groups] of Object.entries(MODES))
    test(`misbehaves in ${mode}`, async (t) => {
      const mounts = FAULTS.map(
        ({ name }) => `WSGIScriptAlias ${placeOf(name)} "\${ROOT}/apps/${fileOf(name)}"\n`,
      )
      const conf = `${WELL}${groups}${mounts.join('')}
WSGIScriptAlias /faults/printing "\${ROOT}/apps/printing.wsgi"
WSGIScriptAlias /blocked "\${ROOT}/apps/blocking.wsgi"
`
      await withServer({ conf, apps, files: WELL_FILES }, async (server) => {
        const before = pidsOf(server)
        await whileOthersAnswer(server.port, async () => {
          for (const fault of FAULTS) await t.test(fault.name, () => checkFault(server, fault))
        })
        await t.test('prints megabytes', () =>
          whileOthersAnswer(server.port, async () => {
            assert.equal((await server.get('/faults/printing')).text, 'printed')
            await server.waitForLog(/the last line/)
            assert.equal(server.errorLog().match(/x{99}/g)?.length, 40_000)
          }),
        )
        await t.test('blocks while it is loaded', () => checkBlocking(server))
        assert.deepEqual(pidsOf(server), before, 'no process has ended')
      })
    })
})

async function checkFault(server: TestServer, { name, status = 500, log }: Fault): Promise<void> {
  const from = server.errorLog().length
  const answers = await Promise.all([1, 2, 3].map(() => server.get(placeOf(name))))
  for (const answer of answers) {
    assert.equal(answer.status, status)
    assert.doesNotMatch(answer.text, /Traceback|Error:/, 'no detail reaches the client')
  }
  // What others did before may have left the same words.
  await until(`${log} in the error log`, () => log.test(server.errorLog().slice(from)))
}

async function checkBlocking(server: TestServer): Promise<void> {
  const waiting = [server.get('/blocked'), server.get('/blocked')]
  await whileOthersAnswer(server.port, async () => {
    for (let round = 0; round < 10; round++)
      assert.equal((await server.get(placeOf('returns None'))).status, 500)
  })
  server.write('apps/go', '')
  for (const answer of await Promise.all(waiting)) assert.equal(answer.text, 'at last')
}

function inRequest(statements: string): string {
  return `def application(environ, start_response):\n    ${statements}\n`
}

function fileOf(name: string): string {
  return `${name.replace(/\W+/g, '-')}.wsgi`
}

function placeOf(name: string): string {
  return `/faults/${name.replace(/\W+/g, '-')}`
}

function pidsOf(server: TestServer): number[] {
  return server
    .processes()
    .map(({ pid }) => pid)
    .sort((a, b) => a - b)
}
