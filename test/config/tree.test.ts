/** Pass 1: the cases in cases/tree/. What is expected is the tree with line numbers, then warnings; or the message of the fault. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SyntaxFault } from '../../src/config/errors.js'
import { describeWarning } from '../../src/config/load.js'
import { readTree } from '../../src/config/reader.js'
import type { ConfigNode } from '../../src/config/tree.js'
import { ModuleRegistry } from '../../src/modules/module-registry.js'
import { type Case, readCases } from '../support/cases.js'
import { DANGLING, memoryFiles } from '../support/memory-files.js'
import { sampleModules } from './sample-modules.js'

const vocabulary = new ModuleRegistry(sampleModules)

for (const one of readCases('config/cases/tree')) {
  test(one.name, () => {
    assert.equal(readCase(one), one.expected)
  })
}

function readCase({ input, files }: Case): string {
  const all: Record<string, string> = { '/c/main.conf': input }
  for (const [name, text] of Object.entries(files))
    all[`/c/${name}`] = text.trim() === DANGLING ? DANGLING : text
  try {
    const tree = readTree({
      file: '/c/main.conf',
      serverRoot: '/c',
      defines: ['GIVEN'],
      environment: { FROM_ENVIRONMENT: 'of the environment', EMPTY: '' },
      vocabulary,
      files: memoryFiles(all),
    })
    const warnings = tree.warnings.map(
      (warning) => `${warning.isNote ? 'note' : 'warning'}: ${describeWarning(warning)}`,
    )
    return [...tree.nodes.flatMap((node) => show(node, 0)), ...warnings].join('\n')
  } catch (error) {
    if (error instanceof SyntaxFault) return error.describe()
    throw error
  }
}

function show({ name, args, at, children, unclosed }: ConfigNode, depth: number): string[] {
  const place = `${at.file === '/c/main.conf' ? '' : `${at.file.slice(3)}:`}${at.line}${at.macro ? 'm' : ''}`
  const title =
    children === undefined ? `${name} ${args}`.trim() : `<${`${name} ${args}`.trim()}${unclosed ? '' : '>'}`
  return [
    `${place} ${'  '.repeat(depth)}${title}`,
    ...(children ?? []).flatMap((child) => show(child, depth + 1)),
  ]
}
