/**
 * Writes the httpd.conf of a {@link Plan}: every line could have been written by hand, and each part says what it is for, so that the
 * file can be the beginning of a production configuration. Pure.
 */
import { accessParts } from './parts/access.js'
import { applicationParts } from './parts/application.js'
import { fileParts } from './parts/files.js'
import { hostsPart } from './parts/hosts.js'
import { proxyPart } from './parts/proxy.js'
import { serverParts } from './parts/server.js'
import type { Plan } from './plan.js'
import { quote, render, shellWord } from './text.js'

/** @param command The words that asked for it, for the first comment. */
export function generateConfiguration(plan: Plan, command: readonly string[]): string {
  const parts = [
    ...serverParts(plan),
    ...fileParts(plan),
    proxyPart(plan),
    ...applicationParts(plan),
    ...accessParts(plan),
    hostsPart(plan),
    {
      about: 'Further configuration.',
      lines: plan.included.map((file) => `Include ${quote(file)}`),
    },
  ]
  const text = parts.map(render).filter((part) => part !== '')
  return `# Written by: wsgi-httpd ${command.map(shellWord).join(' ')}
# It is written anew whenever that command is run; copy the file to keep changes.

${text.join('\n')}`
}
