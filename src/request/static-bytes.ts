/**
 * Serving what lies in memory as a file would be served: the same methods, conditions and ranges, without validators.
 */
import { coreDir } from '../modules/core/settings.js'
import type { Outcome } from '../modules/module.js'
import { refuseDeclaredBody } from './body.js'
import { chosenRanges, failedCondition, type HeaderOf } from './conditions.js'
import { allowedMethods, answerOptions } from './core-methods.js'
import type { Request } from './request.js'
import { sendStatus, sendWhole } from './response.js'

const NO_VALIDATORS = { etag: undefined, modified: undefined }

/** Sends all of it, or the one range that was asked for; several ranges are answered with the whole. */
export function serveBytes(request: Request, bytes: Buffer): Outcome {
  const refused = refuseDeclaredBody(request)
  if (refused !== undefined) return refused
  const { method, headersOut } = request
  if (method === 'OPTIONS') return answerOptions(request)
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') {
    headersOut.set('Allow', allowedMethods(request))
    return 405
  }
  const limits = request.dir.get(coreDir)
  headersOut.set('Accept-Ranges', limits.maxRanges === 0 ? 'none' : 'bytes')
  // an error document is sent with the error's status, whatever the client has of it already
  if (request.status !== 200) {
    sendWhole(request, bytes)
    return 'done'
  }
  const header: HeaderOf = (name) => request.headersIn.get(name)
  const failed = failedCondition(method, header, NO_VALIDATORS, Date.now())
  if (failed !== undefined) {
    if (failed === 412) request.contentType = undefined
    sendStatus(request, failed)
    return 'done'
  }
  const ranges = method === 'GET' ? chosenRanges(header, bytes.length, NO_VALIDATORS, limits) : undefined
  if (ranges === 'none') {
    headersOut.set('Content-Range', `bytes */${bytes.length}`)
    return 416
  }
  const [only, second] = ranges ?? []
  if (only === undefined || second !== undefined) {
    sendWhole(request, bytes)
    return 'done'
  }
  request.status = 206
  headersOut.set('Content-Range', `bytes ${only.start}-${only.end}/${bytes.length}`)
  sendWhole(request, bytes.subarray(only.start, only.end + 1))
  return 'done'
}
