/**
 * Configurations given as text, for tests of modules: read and applied with the modules asked for, without files.
 */
import { type Applied, applyTree } from '../../src/config/apply.js'
import { readTree } from '../../src/config/reader.js'
import type { Site } from '../../src/config/site.js'
import type { Vocabulary } from '../../src/config/vocabulary.js'
import type { HttpdModule } from '../../src/modules/module.js'
import { ModuleRegistry } from '../../src/modules/module-registry.js'
import { memoryFiles } from './memory-files.js'

/** Where the text of a test stands, in messages. */
export const TEST_FILE = '/etc/httpd/httpd.conf'

export interface SiteOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly defines?: readonly string[]
  /** Further files, for `Include`. */
  readonly files?: Readonly<Record<string, string>>
}

/** Both passes over a text. Throws SyntaxFault for faults of pass 1. */
export function applyText(
  text: string,
  modules: readonly HttpdModule[] | Vocabulary,
  options: SiteOptions = {},
): Applied {
  const vocabulary = isVocabulary(modules) ? modules : new ModuleRegistry(modules)
  const environment = options.environment ?? {}
  const tree = readTree({
    file: TEST_FILE,
    serverRoot: '/etc/httpd',
    defines: options.defines ?? [],
    environment,
    vocabulary,
    files: memoryFiles({ [TEST_FILE]: text, ...options.files }),
  })
  return applyTree(tree, vocabulary, { environment })
}

/** The site that a text makes. Throws an Error with all messages where it has faults. */
export function siteOf(
  text: string,
  modules: readonly HttpdModule[] | Vocabulary,
  options: SiteOptions = {},
): Site {
  const { site, errors } = applyText(text, modules, options)
  if (errors.length > 0) throw new Error(errors.map((error) => error.describe()).join('\n'))
  return site
}

/** The messages of pass 2, each without its line and file. */
export function faultsOf(
  text: string,
  modules: readonly HttpdModule[] | Vocabulary,
  options: SiteOptions = {},
): string[] {
  return applyText(text, modules, options).errors.map(({ message }) => message)
}

function isVocabulary(modules: readonly HttpdModule[] | Vocabulary): modules is Vocabulary {
  return !Array.isArray(modules)
}
