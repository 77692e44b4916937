/** From files to a site, and what is written when it cannot be made. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Loaded, loadSite } from '../../src/config/load.js'
import { Settings } from '../../src/config/settings.js'
import type { HttpdModule } from '../../src/modules/module.js'
import { ModuleRegistry } from '../../src/modules/module-registry.js'
import { memoryFiles } from '../support/memory-files.js'
import { notes, sampleModules } from './sample-modules.js'

const vocabulary = new ModuleRegistry(sampleModules)

function load(
  files: Readonly<Record<string, string>>,
  more: { before?: string[]; after?: string[] } = {},
): { loaded: Loaded | undefined; written: string[] } {
  const written: string[] = []
  const loaded = loadSite(
    {
      program: 'wsgi-httpd',
      file: '/c/main.conf',
      serverRoot: '/c',
      environment: {},
      vocabulary,
      files: memoryFiles(files),
      ...more,
    },
    (text) => written.push(text),
  )
  return { loaded, written }
}

test('-C lines come before the file, -c lines after it', () => {
  const { loaded, written } = load(
    { '/c/main.conf': 'One ${X}\n' },
    { before: ['Define X 1', 'One 0'], after: ['One 2'] },
  )
  assert.deepEqual(written, [])
  assert.deepEqual(loaded?.site.main.settings.get(notes).list, ['One [0]', 'One [1]', 'One [2]'])
  assert.deepEqual({ ...loaded?.tree.defines }, { X: '1' })
})

test('all faults of pass 2 are written, with where an included file was asked for', () => {
  const { loaded, written } = load({
    '/c/main.conf': 'Bogus\n\nInclude a.conf\nOne\n',
    '/c/a.conf': 'Wrong x\n',
  })
  assert.equal(loaded, undefined)
  assert.deepEqual(written, [
    "AH00526: Syntax error on line 1 of /c/main.conf:\nInvalid command 'Bogus', perhaps misspelled or defined by a module not included in the server configuration",
    'AH00526: Syntax error on line 1 of /c/a.conf:\nWrong is always wrong: x\n(included from /c/main.conf:3)',
    'AH00526: Syntax error on line 4 of /c/main.conf:\nOne takes one argument, help of One',
  ])
})

test('a closing tag after another one is not read, which is told', () => {
  const text = '<IfDefine !NO>\n<Directory />\n</Directory> </IfDefine>\nOne a\n'
  assert.deepEqual(load({ '/c/main.conf': text }).written, [
    'What follows </Directory> on its line is not read: </IfDefine> (/c/main.conf:3)',
    'wsgi-httpd: Syntax error on line 1 of /c/main.conf: /c/main.conf:1: <IfDefine> was not closed.',
  ])
})

test('a fault of pass 1 is one line, after the warnings that may be its cause', () => {
  assert.deepEqual(load({ '/c/main.conf': 'Include ${DIR}/a.conf\n' }).written, [
    'AH00111: Config variable ${DIR} is not defined (/c/main.conf:1)',
    'wsgi-httpd: Syntax error on line 1 of /c/main.conf: Could not open configuration file /c/${DIR}/a.conf: No such file or directory',
  ])
})

test('faults of the command line', () => {
  assert.deepEqual(load({ '/c/main.conf': '' }, { before: ['<Directory />'] }).written, [
    'wsgi-httpd: Syntax error in -C/-c directive: -c/-C directives:1: <Directory> was not closed.',
  ])
  assert.deepEqual(load({ '/c/main.conf': '' }, { after: ['One 1', 'One'] }).written, [
    'AH00526: Syntax error on line 2 of -c/-C directives:\nOne takes one argument, help of One',
  ])
})

test('no file', () => {
  assert.deepEqual(load({}).written, [
    'wsgi-httpd: Could not open configuration file /c/main.conf: No such file or directory',
  ])
})

test('the checks of modules see the finished site, and only one without faults', () => {
  const seen: number[] = []
  const checking = new ModuleRegistry([
    ...sampleModules,
    {
      id: 'x_module',
      source: 'mod_x.c',
      directives: [],
      check: (site, warn) => {
        seen.push(site.virtualHosts.length)
        warn({ at: undefined, message: 'seen' })
      },
    },
  ])
  const read = (text: string): Loaded | undefined =>
    loadSite(
      {
        program: 'x',
        file: '/c/f',
        serverRoot: '/c',
        environment: {},
        vocabulary: checking,
        files: memoryFiles({ '/c/f': text }),
      },
      () => {},
    )
  read('Bogus\n')
  assert.deepEqual(seen, [])
  assert.deepEqual(read('<VirtualHost a>\n</VirtualHost>\n')?.site.warnings, [
    { at: undefined, message: 'seen' },
  ])
  assert.deepEqual(seen, [1])
})

test('two modules may not declare the same name', () => {
  const first = sampleModules[0] as HttpdModule
  assert.throws(
    () => new ModuleRegistry([...sampleModules, { ...first, id: 'y_module', source: 'mod_y.c' }]),
    /is declared by mod_y.c and by core.c/,
  )
  assert.throws(
    () => new ModuleRegistry([...sampleModules, { ...first, directives: [] }]),
    /two modules are called core_module/,
  )
})

test('settings merge module by module; what is not set is inherited', () => {
  const outer = new Settings()
  const inner = new Settings()
  outer.draft(notes).list = ['a']
  assert.deepEqual(Settings.merge(outer, inner).get(notes).list, ['a'])
  inner.draft(notes).list = ['b']
  assert.deepEqual(Settings.merge(outer, inner).get(notes).list, ['a', 'b'])
  assert.deepEqual(outer.get(notes).list, ['a'])
})
