/** Pass 2: the cases in cases/apply/. What is expected is what each server and section noted, or all messages of faults; then warnings. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyTree } from '../../src/config/apply.js'
import { describeWarning } from '../../src/config/load.js'
import { readTree } from '../../src/config/reader.js'
import type { Settings } from '../../src/config/settings.js'
import type { Section, ServerConfig, Site } from '../../src/config/site.js'
import { ModuleRegistry } from '../../src/modules/module-registry.js'
import { type Case, readCases } from '../support/cases.js'
import { memoryFiles } from '../support/memory-files.js'
import { notes, sampleModules } from './sample-modules.js'

const vocabulary = new ModuleRegistry(sampleModules)

for (const one of readCases('config/cases/apply')) {
  test(one.name, () => {
    assert.equal(applyCase(one), one.expected)
  })
}

function applyCase({ input }: Case): string {
  const files = memoryFiles({ '/c/main.conf': input })
  const tree = readTree({ file: '/c/main.conf', serverRoot: '/c', environment: {}, vocabulary, files })
  const { site, errors } = applyTree(tree, vocabulary, { environment: {} })
  const faults = errors.map((error) =>
    error.describe().replace('AH00526: Syntax error on line ', '').replace(' of /c/main.conf:\n', ': '),
  )
  const warnings = site.warnings.map(
    (warning) => `${warning.isNote ? 'note' : 'warning'}: ${describeWarning(warning)}`,
  )
  return [...(errors.length > 0 ? faults : showSite(site)), ...warnings].join('\n')
}

function showSite({ main, virtualHosts }: Site): string[] {
  return [
    ...showServer('main', main),
    ...virtualHosts.flatMap((host) => showServer(`host ${host.addresses[0]?.host}`, host)),
  ]
}

function showServer(title: string, { settings, dir, sections }: ServerConfig): string[] {
  return [
    title,
    ...showNotes(settings, '  '),
    ...showNotes(dir, '  any place: '),
    ...Object.values(sections).flatMap((list) => list.flatMap((section) => showSection(section, '  '))),
  ]
}

function showSection({ kind, pattern, settings, nested }: Section, indent: string): string[] {
  return [
    `${indent}${kind} ${pattern}`,
    ...showNotes(settings, `${indent}  `),
    ...nested.flatMap((section) => showSection(section, `${indent}  `)),
  ]
}

function showNotes(settings: Settings, before: string): string[] {
  return settings.get(notes).list.map((note) => before + note)
}
