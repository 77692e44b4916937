/**
 * What `-v` and `-V` print.
 */
import { arch } from 'node:os'
import { VERSION } from '../system/package-root.js'

/** `-v`. */
export function versionText(): string {
  return `Server version: wsgi-httpd/${VERSION}\nReads the configuration of: Apache httpd 2.4, mod_wsgi 3.0 and later\n`
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
