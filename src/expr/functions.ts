/**
 * The functions of expressions: `%{name:arg}` and `name(arg)`. Names count without case.
 * Manual: https://httpd.apache.org/docs/2.4/expr.html#functions
 */
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { pathBytes } from '../config/files.js'
import { escapePath } from '../modules/url-text.js'
import { readRegularFileSync } from '../system/regular-file.js'
import { type Evaluation, EvaluationError } from './evaluation.js'
import { requestHeader, requestHeaderUnnoted } from './headers.js'

export interface ExpressionFunction {
  /** Looks at files, which not everybody who writes an expression may do. */
  readonly restricted?: boolean
  readonly call: (argument: string, evaluation: Evaluation) => string
}

/** Bytes of a file that `file()` reads; httpd's limit. */
const FILE_MAX = 10 * 1024 * 1024

/** A response field; the type is a property of the request until it is sent. */
function responseHeader(name: string, { request }: Evaluation): string {
  const found = request.headersOut.get(name) ?? request.errHeadersOut.get(name)
  if (found !== undefined) return found
  return /^content-type$/i.test(name) ? (request.contentType ?? '') : ''
}

const environmentOf = ({ request }: Evaluation, name: string): string | undefined => request.variable(name)

/** `%xx` decoded; text with a wrong sequence is an error in httpd, and gives nothing. */
function decode(text: string): string {
  if (/%(?![0-9A-Fa-f]{2})|%(?:00|2f)/i.test(text)) return ''
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  )
}

function readWhole(path: string): string {
  try {
    return readRegularFileSync(pathBytes(path), FILE_MAX)
  } catch (error) {
    throw new EvaluationError(`Cannot read file ${path}: ${(error as Error).message}`)
  }
}

function sizeOf(path: string): string {
  try {
    return String(statSync(pathBytes(path)).size)
  } catch {
    return ''
  }
}

const digest = (algorithm: string, text: string): string =>
  createHash(algorithm).update(text, 'latin1').digest('hex')

/** Characters that LDAP filters and names give a meaning, as `\xx`. */
const escapeLdap = (text: string): string =>
  text.replace(
    /[^A-Za-z0-9 !#-'+-[\]-~-]|[*()\\,=+<>;"#]/g,
    (char) => `\\${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )

export const FUNCTIONS: Readonly<Record<string, ExpressionFunction>> = {
  base64: { call: (text) => Buffer.from(text, 'latin1').toString('base64') },
  env: {
    call: (name, evaluation) =>
      evaluation.request.notes.get(name) ?? environmentOf(evaluation, name) ?? process.env[name] ?? '',
  },
  escape: { call: (text) => escapePath(text) },
  file: { restricted: true, call: readWhole },
  filesize: { restricted: true, call: sizeOf },
  http: { call: (name, evaluation) => requestHeader(evaluation, name) },
  ldap: { call: escapeLdap },
  md5: { call: (text) => digest('md5', text) },
  note: { call: (name, { request }) => request.notes.get(name) ?? '' },
  osenv: { call: (name) => process.env[name] ?? '' },
  req: { call: (name, evaluation) => requestHeader(evaluation, name) },
  req_novary: { call: (name, evaluation) => requestHeaderUnnoted(evaluation, name) },
  reqenv: { call: (name, evaluation) => environmentOf(evaluation, name) ?? '' },
  resp: { call: responseHeader },
  sha1: { call: (text) => digest('sha1', text) },
  tolower: { call: (text) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) },
  toupper: { call: (text) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase()) },
  unbase64: { call: (text) => Buffer.from(text, 'base64').toString('latin1') },
  unescape: { call: decode },
}

/** Functions that give a list, which only `in` takes. */
export const LISTS: Readonly<
  Record<string, (argument: string, evaluation: Evaluation) => readonly string[]>
> = {
  __proto__: null as never,
  /** The values of an extension of the client's certificate, by its object identifier in dots. */
  peerextlist: (oid, { request }) => request.connection.tls?.variables.clientExtensions(oid) ?? [],
}
