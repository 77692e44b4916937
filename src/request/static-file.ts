/**
 * The last handler: sends a file. Small ones are read at once, large ones streamed (file-stream.ts).
 * Rules: RFC 9110; httpd's default_handler.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, readSync, type Stats } from 'node:fs'
import { coreDir, OPTION } from '../modules/core/settings.js'
import type { Outcome } from '../modules/module.js'
import { refuseDeclaredBody } from './body.js'
import {
  chosenRanges,
  failedCondition,
  fileETag,
  type HeaderOf,
  type Range,
  type Validators,
} from './conditions.js'
import { allowedMethods, answerOptions, REGISTERED_METHODS } from './core-methods.js'
import { streamFile } from './file-stream.js'
import { httpDate } from './http-date.js'
import { hidesIncludes } from './includes.js'
import type { Request } from './request.js'
import { openBody, sendStatus, sendWhole } from './response.js'
import { openAnchored } from './walk/anchor.js'
import { walksOf } from './walk/walk.js'

/** Files up to this size are read in one go, without the detour over the thread pool. */
const READ_AT_ONCE_MAX_BYTES = 64 * 1024
// O_NONBLOCK: should a FIFO have taken the file's place just now, opening it must not wait for a writer
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY
/** How often a file name that leads elsewhere than a moment ago is followed anew before the request is refused. */
const LOOKS_MAX = 3

export function serveFile(request: Request): Outcome | Promise<Outcome> {
  const refused = refuseDeclaredBody(request)
  if (refused !== undefined) return refused
  const { method } = request
  if (method === 'OPTIONS') return answerOptions(request)
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') {
    request.headersOut.set('Allow', allowedMethods(request))
    if (REGISTERED_METHODS.has(method)) return 405
    request.report('core', 'error', `Invalid method in request ${request.requestLine}`, 'AH00135')
    return 501
  }
  const missing = whyMissing(request)
  if (missing !== undefined) {
    request.report('core', 'info', missing.message, missing.code)
    return 404
  }
  return open(request)
}

function whyMissing(request: Request): { code: string; message: string } | undefined {
  const { finfo, filename, pathInfo } = request
  if (finfo === undefined) return { code: 'AH00128', message: `File does not exist: ${filename}${pathInfo}` }
  if (finfo.isDirectory()) return { code: 'AH00129', message: `Attempt to serve directory: ${filename}` }
  if (pathInfo !== '' && request.dir.get(coreDir).acceptPathInfo !== 'On')
    return { code: 'AH00130', message: `File does not exist: ${filename}${pathInfo}` }
  return undefined
}

function open(request: Request, looks = 1): Outcome | Promise<Outcome> {
  let fd: number | 'moved'
  try {
    fd = openAnchored(request.filename, OPEN_FLAGS, request.anchor)
  } catch (error) {
    return cannotOpen(request, error as NodeJS.ErrnoException)
  }
  if (fd === 'moved') return lookAgain(request, looks)
  let streaming = false
  try {
    const file = fstatSync(fd)
    if (!file.isFile()) return cannotOpen(request, new Error('not a regular file'))
    const done = send(request, fd, file)
    streaming = done === undefined
    return typeof done === 'number' ? done : 'done'
  } finally {
    if (!streaming) closeSync(fd)
  }
}

/** A link has changed since the walk: deployments do that, and who wants to get past the rules on links. */
function lookAgain(request: Request, looks: number): Outcome | Promise<Outcome> {
  const refusal =
    looks < LOOKS_MAX
      ? walksOf(request.server).again(request)
      : ({
          status: 403,
          level: 'error',
          code: 'AH00037',
          message: `Symbolic link not allowed or link target not accessible: ${request.filename}`,
        } as const)
  if (refusal !== undefined) {
    request.report('core', refusal.level, refusal.message, refusal.code)
    return refusal.status
  }
  const missing = whyMissing(request)
  if (missing === undefined) return open(request, looks + 1)
  request.report('core', 'info', missing.message, missing.code)
  return 404
}

function cannotOpen(request: Request, error: NodeJS.ErrnoException): number {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
    request.report('core', 'info', `File does not exist: ${request.filename}`, 'AH00128')
    return 404
  }
  if (error.code === 'EMFILE' || error.code === 'ENFILE') {
    request.report('core', 'error', `cannot open ${request.filename}: too many open files`, 'WSGH0006')
    return 503
  }
  const message = `file permissions deny server access: ${request.filename}`
  request.report('core', 'error', message, 'AH00132', error)
  return 403
}

/**
 * Sends what of the file was asked for. Returns `'sent'` when the descriptor is done with, undefined when a stream has taken it over, or a status
 * that there is to be a page for.
 */
function send(request: Request, fd: number, file: Stats): 'sent' | 416 | 500 | undefined {
  const dir = request.dir.get(coreDir)
  if (dir.options.effective & OPTION.Includes && hidesIncludes(request, fd, file.size)) return 500
  const now = Date.now()
  const validators: Validators = {
    etag: request.headersOut.get('ETag') ?? fileETag(file, dir.fileETag, now),
    modified: file.mtimeMs,
  }
  const { headersOut } = request
  headersOut.set('Last-Modified', httpDate(Math.min(file.mtimeMs, now)))
  if (validators.etag !== undefined) headersOut.set('ETag', validators.etag)
  headersOut.set('Accept-Ranges', dir.maxRanges === 0 ? 'none' : 'bytes')
  // an error document is sent with the error's status, whatever the client has of it already
  if (request.status !== 200) return sendRange(request, fd, { start: 0, end: file.size - 1 })

  const header: HeaderOf = (name) => request.headersIn.get(name)
  const failed = failedCondition(request.method, header, validators, now)
  if (failed !== undefined) {
    if (failed === 412) request.contentType = undefined
    sendStatus(request, failed)
    return 'sent'
  }
  const ranges = request.method === 'GET' ? chosenRanges(header, file.size, validators, dir) : undefined
  if (ranges === 'none') {
    headersOut.set('Content-Range', `bytes */${file.size}`)
    return 416
  }
  if (ranges === undefined) return sendRange(request, fd, { start: 0, end: file.size - 1 })
  request.status = 206
  const [only] = ranges
  if (ranges.length === 1 && only !== undefined) {
    headersOut.set('Content-Range', `bytes ${only.start}-${only.end}/${file.size}`)
    return sendRange(request, fd, only)
  }
  return sendMultipart(request, fd, ranges, file.size)
}

function sendRange(request: Request, fd: number, { start, end }: Range): 'sent' | undefined {
  const length = end - start + 1
  if (request.incoming.method === 'HEAD') {
    openBody(request, length).end()
    return 'sent'
  }
  if (length <= READ_AT_ONCE_MAX_BYTES) {
    const data = Buffer.allocUnsafe(length)
    const read = length === 0 ? 0 : readSync(fd, data, 0, length, start)
    request.headersOut.set('Content-Length', String(length))
    sendWhole(request, read < length ? data.subarray(0, read) : data)
    return 'sent'
  }
  const body = openBody(request, length)
  void streamFile(request, fd, [{ start, end }], body)
  return undefined
}

function sendMultipart(request: Request, fd: number, ranges: readonly Range[], size: number): undefined {
  const boundary = randomBytes(9).toString('hex')
  const type = request.contentType === undefined ? '' : `Content-Type: ${request.contentType}\r\n`
  const heads = ranges.map(
    ({ start, end }) => `\r\n--${boundary}\r\n${type}Content-Range: bytes ${start}-${end}/${size}\r\n\r\n`,
  )
  const tail = `\r\n--${boundary}--\r\n`
  let length = tail.length
  ranges.forEach(({ start, end }, at) => {
    length += (heads[at] as string).length + end - start + 1
  })
  request.contentType = `multipart/byteranges; boundary=${boundary}`
  request.charset = undefined
  void streamFile(request, fd, ranges, openBody(request, length), heads, tail)
}
