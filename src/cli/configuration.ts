/**
 * The configuration that a call of the program means: which files, which environment, which words of the command line.
 */
import type { ConfigurationSource } from '../server/configuration.js'
import { makeRunDirectory, readEnvvars } from './envvars.js'
import type { Invocation } from './flags.js'
import { locate } from './locate.js'
import type { Terminal } from './terminal.js'
import { UsageError } from './usage-error.js'

/** What stands before messages, as httpd puts its own name there. */
export const PROGRAM = 'wsgi-httpd'

/**
 * Takes Debian's `envvars` into the environment where there is one, and names what is to be read.
 * @throws UsageError where no file is named or found, or `envvars` cannot be read
 */
export function configurationSource(invocation: Invocation, terminal: Terminal): ConfigurationSource {
  const { file, serverRoot } = locate(invocation, terminal.cwd)
  takeEnvvars(file, terminal.environment)
  return {
    program: PROGRAM,
    file: asBytes(file),
    serverRoot: asBytes(serverRoot),
    defines: invocation.defines.map(asBytes),
    before: invocation.before.map(asBytes),
    after: invocation.after.map(asBytes),
    anyDocumentRoot: !invocation.checkDocumentRoots,
  }
}

/** Configuration text is handled as bytes, one per character, whatever its encoding. */
export function asBytes(word: string): string {
  return Buffer.from(word).toString('latin1')
}

/** Adds what `envvars` sets to the environment of this process, which the server and its applications inherit. */
function takeEnvvars(file: string, environment: NodeJS.ProcessEnv): void {
  try {
    const added = readEnvvars(file, environment)
    makeRunDirectory(added)
    Object.assign(environment, added)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
