/** `.htaccess` files: what may stand there, by class; what else is refused; limits. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AppliedHtaccess, applyHtaccess, type HtaccessOptions } from '../../src/config/apply.js'
import { SyntaxFault } from '../../src/config/errors.js'
import { readTree } from '../../src/config/reader.js'
import { ModuleRegistry } from '../../src/modules/module-registry.js'
import { memoryFiles } from '../support/memory-files.js'
import { notes, sampleModules } from './sample-modules.js'

const vocabulary = new ModuleRegistry(sampleModules)

function apply(text: string, options: Partial<HtaccessOptions> = {}): AppliedHtaccess {
  const file = '/srv/.htaccess'
  const environment = {}
  const tree = readTree({
    file,
    serverRoot: '/c',
    environment,
    vocabulary,
    files: memoryFiles({ [file]: text, '/c/x': '' }),
    htaccess: true,
  })
  return applyHtaccess(tree, vocabulary, { environment, serverRoot: '/c', allows: () => true, ...options })
}

const messages = (applied: AppliedHtaccess): string[] => applied.errors.map(({ message }) => message)

test('directives and sections make one layer', () => {
  const { dir, sections, errors } = apply(
    'One a\n<IfModule mod_sample.c>\n<Files x>\nPlaceOnly b\n</Files>\n</IfModule>\n',
  )
  assert.deepEqual(errors, [])
  assert.deepEqual(dir.get(notes).list, ['One [a]'])
  assert.equal(sections[0]?.kind, 'Files')
  assert.deepEqual(sections[0]?.settings.get(notes).list, ['PlaceOnly [b]'])
})

test('what has no place there', () => {
  const applied = apply(
    'ServerOnly 1\n<Directory />\n</Directory>\n<Files x>\nHostOnly 1\n</Files>\nServerRoot /nowhere\n',
  )
  assert.deepEqual(messages(applied), [
    'ServerOnly not allowed here',
    '<Directory not allowed here',
    'HostOnly not allowed in <Files> context',
    "Invalid command 'ServerRoot', perhaps misspelled or defined by a module not included in the server configuration",
  ])
})

for (const line of ['Include /c/x', 'Define a b', 'LoadModule a b', 'UnDefine a'])
  test(`${line} is refused`, () => {
    assert.throws(
      () => apply(line),
      (error) => error instanceof SyntaxFault && / not allowed here$/.test(error.message),
    )
  })

test('classes decide, in files sections too; Nonfatal makes warnings', () => {
  const allows = (name: string): boolean => name !== 'One'
  const text = 'One a\nTwo a b\n'
  assert.deepEqual(messages(apply(text, { allows })), ['One not allowed here'])
  const lenient = apply(`${text}Bogus\n`, { allows, nonfatal: { override: true, unknown: true } })
  assert.deepEqual(messages(lenient), [])
  assert.equal(lenient.warnings.length, 2)
  assert.deepEqual(lenient.dir.get(notes).list, ['Two [a] [b]'])
})

test('Nonfatal=Override does not let in what may never stand there', () => {
  assert.deepEqual(messages(apply('ServerOnly 1\n', { nonfatal: { override: true } })), [
    'ServerOnly not allowed here',
  ])
})

test('lines are short, and macros cannot multiply for ever', () => {
  assert.throws(() => apply(`One ${'x'.repeat(9000)}`), /Line is longer than 8192 bytes/)
  const doubling = Array.from(
    { length: 20 },
    (_, n) => `<Macro m${n + 1}>\nUse m${n}\nUse m${n}\n</Macro>\n`,
  ).join('')
  assert.throws(() => apply(`<Macro m0>\nOne a\n</Macro>\n${doubling}Use m20\n`), /More than 100000 lines/)
})
