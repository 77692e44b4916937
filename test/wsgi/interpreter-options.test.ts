/** `<WSGIInterpreterOptions>`: what may stand in it, and which layers a process gets. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { vocabulary } from '../../src/modules/registry.js'
import { wsgiMain } from '../../src/modules/wsgi/settings.js'
import { isFreeThreaded, layersFor } from '../../src/wsgi/interpreter-options.js'
import { findPython, type Python, skipWithout } from '../support/pythons.js'
import { PROJECT } from '../support/server.js'
import { faultsOf, siteOf } from '../support/site.js'

const FAULTS: [conf: string, message: RegExp][] = [
  ['<WSGIInterpreterOptions nonsense>\n</WSGIInterpreterOptions>', /<WSGIInterpreterOptions>/],
  ['<WSGIInterpreterOptions host=x>\n</WSGIInterpreterOptions>', /has no option 'host'/],
  ['<WSGIInterpreterOptions process-group=a Process-Group=b>\n</WSGIInterpreterOptions>', /given twice/],
  ['<WSGIInterpreterOptions application-group=%{HOST}>\n</WSGIInterpreterOptions>', /depends on the request/],
  [
    '<WSGIInterpreterOptions>\nWSGIPythonOptimize 1\n</WSGIInterpreterOptions>',
    /WSGIPythonOptimize not allowed/,
  ],
  ['<WSGIInterpreterOptions>\nWSGISwitchInterval 0\n</WSGIInterpreterOptions>', /must be a positive number/],
  [
    '<WSGIInterpreterOptions>\nWSGIPerInterpreterGIL maybe\n</WSGIInterpreterOptions>',
    /must be one of: Off \| On/,
  ],
  ['<Directory />\nWSGIPerInterpreterGIL On\n</Directory>', /not allowed/],
  ['WSGIHttpdApplicationGroupLimit many', /must be a number/],
]

for (const [conf, message] of FAULTS) {
  test(`refused: ${conf.split('\n').slice(0, 2).join(' ')}`, () => {
    assert.match(faultsOf(conf, vocabulary).join(), message)
  })
}

test('layers: those of the process, the most specific last, later ones after earlier ones', () => {
  const container = (selectors: string, seconds: number) =>
    `<WSGIInterpreterOptions ${selectors}>\nWSGISwitchInterval ${seconds}\n</WSGIInterpreterOptions>\n`
  const site = siteOf(
    container('process-group=g application-group=a', 1) +
      container('', 2) +
      container('process-group=g', 3) +
      container('application-group=%{GLOBAL}', 4) +
      container('process-group=other', 5),
    vocabulary,
  )
  const { interpreterLayers } = site.main.settings.get(wsgiMain)
  const found = layersFor(interpreterLayers, 'g')
  assert.deepEqual(
    found.map(({ application_group, options }) => [application_group, options.switch_interval]),
    [
      [null, 2],
      [null, 3],
      ['', 4],
      ['a', 1],
    ],
  )
})

test('WSGIFreeThreading holds for processes', () => {
  const site = siteOf(
    '<WSGIInterpreterOptions process-group=g>\nWSGIFreeThreading On\n</WSGIInterpreterOptions>\n<WSGIInterpreterOptions application-group=a>\nWSGIFreeThreading On\n</WSGIInterpreterOptions>',
    vocabulary,
  )
  const { interpreterLayers } = site.main.settings.get(wsgiMain)
  assert.equal(isFreeThreaded(interpreterLayers, 'g', false), true)
  assert.equal(isFreeThreaded(interpreterLayers, 'h', false), false)
  assert.match(site.warnings.map(({ message }) => message).join(), /WSGI0201/)
})

/** What the runtime makes of settings in a process that looks as if it had no GIL. */
const WITHOUT_GIL = `
import json, sys
sys.path.insert(0, sys.argv[1])
sys._is_gil_enabled = lambda: False
from _wsgi_httpd.options import resolve
settings = {'per_interpreter_gil': True, 'free_threading': True, 'switch_interval': 0.5}
print(json.dumps([[found['own_gil'], found['switch_interval'], [text[:8] for text in problems]]
                  for found, problems in (resolve(settings, '', True), resolve(settings, 'one', False))]))
`

test('without GIL, what concerns a GIL has no effect and says so', { skip: skipWithout('3') }, () => {
  const runtime = path.join(PROJECT, 'runtime')
  const { executable } = findPython() as Python
  const output = execFileSync(executable, ['-B', '-c', WITHOUT_GIL, runtime], { encoding: 'utf8' })
  assert.deepEqual(JSON.parse(output), [
    [false, null, ['WSGI0204']],
    [false, null, ['WSGI0202', 'WSGI0204']],
  ])
})
