/** What the configurations of all conformance suites begin with, whichever server reads them: one process, one tree of files. */
import { isRoot } from '../support/cache.js'

/** @param ports on 127.0.0.1. @param types the file of media types */
export function preamble(root: string, ports: readonly number[], name: string, types: string): string {
  return `ServerName ${name}
ServerRoot "${root}"
${ports.map((port) => `Listen 127.0.0.1:${port}\n`).join('')}PidFile "${root}/httpd.pid"
DefaultRuntimeDir "${root}"
ErrorLog "${root}/error.log"
DocumentRoot "${root}/htdocs"
TypesConfig "${types}"
ServerLimit 1
StartServers 1
ThreadsPerChild 16
MaxRequestWorkers 16
MinSpareThreads 1
MaxSpareThreads 16
KeepAliveTimeout 5
${isRoot ? 'User nobody\nGroup nogroup\n' : ''}<Directory "${root}">
    Require all granted
</Directory>
`
}
