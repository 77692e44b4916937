/**
 * What `-v` and `-V` print.
 */
import { readFileSync } from 'node:fs'
import { arch } from 'node:os'

/** From build/src/cli up to the package's own package.json. */
const PACKAGE = new URL('../../../package.json', import.meta.url)

/** The version of this package, e.g. `0.1.0`. */
export function version(): string {
  return (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version
}

/** `-v`. */
export function versionText(): string {
  return `Server version: wsgi-httpd/${version()}\nReads the configuration of: Apache httpd 2.4, mod_wsgi 3.0 and later\n`
}

/** `-V`. */
export function settingsText(): string {
  const { node, openssl, llhttp } = process.versions
  return `${versionText()}Server loaded:  Node.js ${node}, OpenSSL ${openssl}, llhttp ${llhttp}
Architecture:   ${arch()}, ${process.platform}
Server MPM:     event
  threaded:     no (one event loop in each server worker; Python threads in daemon processes)
    forked:     yes (several server workers and daemon processes)
Server compiled with....
 -D SERVER_CONFIG_FILE="conf/httpd.conf"
`
}
