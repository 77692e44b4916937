/**
 * The operators of expressions that have names: `-d word`, `word -ipmatch word`.
 * Manual: https://httpd.apache.org/docs/2.4/expr.html#unnop
 */
import { accessSync, constants, lstatSync, type Stats, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { pathBytes } from '../config/files.js'
import { fnmatch } from '../config/fnmatch.js'
import { parseSubnet } from '../modules/subnet.js'
import type { Request } from '../request/request.js'
import { awaited, type Evaluation, EvaluationError } from './evaluation.js'
import { ExpressionSyntaxError } from './syntax.js'

type UnaryTest = (word: string, evaluation: Evaluation) => boolean
type BinaryTest = (left: string, evaluation: Evaluation) => boolean

function statOf(path: string, stat: typeof statSync | typeof lstatSync): Stats | undefined {
  // relative paths would depend on where the server was started
  if (!path.startsWith('/')) return undefined
  try {
    return stat(pathBytes(path), { throwIfNoEntry: false }) as Stats | undefined
  } catch {
    return undefined
  }
}

const statFollowing = (path: string): Stats | undefined => statOf(path, statSync)
const isLink: UnaryTest = (path) => statOf(path, lstatSync)?.isSymbolicLink() ?? false

function isExecutable(path: string): boolean {
  if (!statFollowing(path)?.isFile()) return false
  try {
    accessSync(pathBytes(path), constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Everything but nothing, `0`, `off`, `no` and `false`. */
function isTrue(word: string): boolean {
  return !/^(?:|0|off|no|false)$/i.test(word)
}

/** Whether a request on the way already asks for the URL: looking it up again would never end. */
function asksFor(request: Request, url: string): boolean {
  const path = url.split('?', 1)[0]
  for (let at: Request | undefined = request.main; at !== undefined; at = at.main)
    if (at.path === path) return true
  return request.main !== undefined && request.path === path
}

/** Whether the client could have the URL, by a subrequest for it. */
export function urlIsAccessible(url: string, request: Request): boolean {
  if (url === '' || asksFor(request, url)) return false
  const status = awaited(request, `-U ${url}`, () => {
    const found = request.dispatch?.lookUp(request, url)
    return found instanceof Promise ? found.then(({ status }) => status) : (found?.status ?? 500)
  })
  return status === 200
}

/** Whether the client could have the file, by a subrequest for it. */
export function fileIsAccessible(path: string, request: Request): boolean {
  if (path === '' || request.main?.filename === path) return false
  return awaited(request, `-F ${path}`, () => {
    const found = request.dispatch?.lookUpFile(request, path)
    const isThere = (late: Request | undefined) => late?.status === 200 && late.finfo?.isFile() === true
    return found instanceof Promise ? found.then(isThere) : isThere(found)
  })
}

/** By their letters. */
export const UNARY: Readonly<Record<string, UnaryTest>> = {
  n: (word) => word !== '',
  z: (word) => word === '',
  T: isTrue,
  d: (path) => statFollowing(path)?.isDirectory() ?? false,
  e: (path) => statFollowing(path) !== undefined,
  f: (path) => statFollowing(path)?.isFile() ?? false,
  s: (path) => {
    const found = statFollowing(path)
    return found?.isFile() === true && found.size > 0
  },
  L: isLink,
  h: isLink,
  x: isExecutable,
  U: (url, { request }) => urlIsAccessible(url, request),
  A: (url, { request }) => urlIsAccessible(url, request),
  F: (path, { request }) => fileIsAccessible(path, request),
}

/** `-R`: whether the client's address is in a range, which must be a plain text. @throws ExpressionSyntaxError */
export function remoteIn(range: string | undefined): (evaluation: Evaluation) => boolean {
  const subnet = rangeOf('-R', range)
  return ({ request }) => subnet(request.connection.remoteAddress)
}

function rangeOf(operator: string, range: string | undefined): (address: string) => boolean {
  if (range === undefined)
    throw new ExpressionSyntaxError(`${operator} requires subnet/netmask as constant argument`)
  try {
    return parseSubnet(range)
  } catch (error) {
    throw new ExpressionSyntaxError(`${operator} '${range}': ${(error as Error).message}`)
  }
}

/** Wildcard patterns made at request time are few; those made from what clients send are bounded by this. */
const PATTERNS_MAX = 256

function wildcards(options: { pathname?: boolean; ignoreCase?: boolean }): BinaryMaker {
  const compiled = new Map<string, RegExp>()
  const matcher = (pattern: string): RegExp => {
    let regex = compiled.get(pattern)
    if (regex === undefined) {
      if (compiled.size >= PATTERNS_MAX) compiled.clear()
      regex = fnmatch(pattern, options)
      compiled.set(pattern, regex)
    }
    return regex
  }
  return { dynamic: (left, right) => matcher(right).test(left) }
}

interface BinaryMaker {
  /** For a right side that is the same for all requests. */
  readonly constant?: (right: string) => BinaryTest
  /** For one that is not; absent: it has to be the same. */
  readonly dynamic?: (left: string, right: string) => boolean
}

/** By their names, without the dash. */
export const BINARY: Readonly<Record<string, BinaryMaker>> = {
  ipmatch: {
    constant: (range) => {
      const subnet = rangeOf('-ipmatch', range)
      return (address) => {
        if (isIP(address) === 0) throw new EvaluationError(`parsing of IP address '${address}' failed`)
        return subnet(address)
      }
    },
  },
  strmatch: wildcards({}),
  strcmatch: wildcards({ ignoreCase: true }),
  fnmatch: wildcards({ pathname: true }),
}
