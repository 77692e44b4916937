/**
 * The pid file of a configuration that may have faults by now: a server must be stoppable whatever was done to its files.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { applyTree } from '../config/apply.js'
import { pathBytes } from '../config/files.js'
import { readTree } from '../config/reader.js'
import { splitWords } from '../config/words.js'
import { vocabulary } from '../modules/registry.js'
import { type ConfigurationSource, pidFileOf } from '../server/configuration.js'

/** `PidFile` as far as it can be told: from what the configuration sets, else from the text of its main file, else the default. */
export function findPidFile(source: ConfigurationSource, environment: NodeJS.ProcessEnv): string {
  const options = { ...source, vocabulary, environment }
  try {
    return pidFileOf(applyTree(readTree(options), vocabulary, options).site)
  } catch {
    return pidFileFromText(readOrEmpty(source.file), source.serverRoot)
  }
}

/** The last `PidFile` line, relative to the last `ServerRoot` line. Exported for its test. */
export function pidFileFromText(text: string, serverRoot: string): string {
  const last = (name: string) => {
    const args = [...text.matchAll(new RegExp(`^[ \\t]*${name}[ \\t]+(.+)$`, 'gim'))].at(-1)?.[1]
    return args === undefined ? undefined : splitWords(args.trim())[0]
  }
  return path.resolve(last('ServerRoot') ?? serverRoot, last('PidFile') ?? 'logs/httpd.pid')
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(pathBytes(file), 'latin1')
  } catch {
    return ''
  }
}
