/**
 * `ErrorDocument`: what is sent in place of the built-in page of a status. Used by src/request/error-response.ts.
 * Manual: https://httpd.apache.org/docs/2.4/mod/core.html#errordocument
 */
import { STATUS_CODES } from 'node:http'
import { type Command, type Directive, directive, flag, raw } from '../../config/directive.js'
import { fill } from '../../expr/expression.js'
import { templateOf } from '../string-template.js'
import { coreDir, type DocumentText, type ErrorDocument } from './settings.js'

/** Reads what follows the status: a URL, a local path, `default`, or a text. */
export function parseErrorDocument(text: string): ErrorDocument {
  if (/^default$/i.test(text)) return { kind: 'default' }
  const quoted = /^"/.exec(text)
  const word = quoted ? text.slice(1).replace(/"$/, '').replace(/\\"/g, '"') : text
  if (!/\s/.test(word)) {
    if (word.startsWith('/')) return { kind: 'path', path: word }
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(word)) return { kind: 'url', url: word }
  }
  return { kind: 'text', text: word }
}

function setErrorDocument(cmd: Command, line: string): void {
  const [, code, rest] = /^(\S+)\s+(\S.*)$/.exec(line) ?? []
  if (code === undefined || rest === undefined) cmd.fail(`ErrorDocument takes two arguments, ${HELP}`)
  const status = /^\d{3}$/.test(code) ? Number(code) : 0
  if (STATUS_CODES[status] === undefined) cmd.fail(`Unsupported HTTP response code ${code}`)
  const document = parseErrorDocument(unquoteSingle(rest.trim()))
  if (status === 401 && document.kind === 'url') {
    cmd.warn('cannot use a full URL in a 401 ErrorDocument directive --- ignoring!', 'AH00113')
    return
  }
  const draft = cmd.dir.draft(coreDir)
  draft.errorDocuments = { ...draft.errorDocuments, [status]: withExpressions(cmd, document) }
}

/** What has `%{…}` in it is filled in for each request. */
function withExpressions(cmd: Command, document: ErrorDocument): ErrorDocument {
  const template = (text: DocumentText): DocumentText => {
    if (typeof text !== 'string') return text
    const compiled = templateOf(cmd, text, 'Cannot parse expression in ErrorDocument: ')
    return typeof compiled === 'string' ? compiled : (request) => fill(compiled, request)
  }
  switch (document.kind) {
    case 'text':
      return { kind: 'text', text: template(document.text) }
    case 'path':
      return { kind: 'path', path: template(document.path) }
    case 'url':
      return { kind: 'url', url: template(document.url) }
    default:
      return document
  }
}

/** Single quotes hold a word together as double ones do. */
function unquoteSingle(text: string): string {
  return /^'[^']*'$/.test(text) ? `"${text.slice(1, -1)}"` : text
}

const HELP = 'Change responses for HTTP errors'

export const errorDocumentDirectives: readonly Directive[] = [
  directive({
    name: 'ErrorDocument',
    syntax: 'error-code document',
    contexts: ['server', 'vhost', 'directory', 'htaccess'],
    override: 'FileInfo',
    help: HELP,
    ...raw(setErrorDocument),
  }),
  directive({
    name: 'QualifyRedirectURL',
    syntax: 'On|Off',
    contexts: ['server', 'vhost', 'directory'],
    override: 'FileInfo',
    default: 'Off',
    help: 'Whether the REDIRECT_URL variable is fully qualified',
    ...flag((cmd, on) => {
      cmd.dir.draft(coreDir).qualifyRedirectURL = on
    }),
  }),
]
