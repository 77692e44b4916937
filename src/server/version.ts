/**
 * The version of this package, for the first line of the error log and for applications.
 */
import { readFileSync } from 'node:fs'

/** From build/src/server up to the package's own package.json. */
const PACKAGE = new URL('../../../package.json', import.meta.url)

/** For instance `0.1.0`. */
export const VERSION = (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version
