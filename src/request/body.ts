/**
 * Request bodies as handlers see them: whether there is one, how long it says it is, and reading it under `LimitRequestBody`.
 */
import { coreDir } from '../modules/core/settings.js'
import type { Request } from './request.js'

/** Whether the request has a body. A body of length 0 is none. */
export function hasBody(request: Request): boolean {
  if (request.headersIn.has('Transfer-Encoding')) return true
  return (declaredBodyLength(request) ?? 0) > 0
}

/** Bytes by `Content-Length`; undefined where it is absent. What is no number has been refused before any module ran. */
export function declaredBodyLength(request: Request): number | undefined {
  const text = request.headersIn.get('Content-Length')
  return text === undefined ? undefined : Number(text)
}

/** 413 where the declared length is over `LimitRequestBody`, with a log line; undefined: fine. */
export function refuseDeclaredBody(request: Request): 413 | undefined {
  const { limitRequestBody } = request.dir.get(coreDir)
  const length = declaredBodyLength(request)
  if (length === undefined || limitRequestBody === 0 || length <= limitRequestBody) return undefined
  request.report(
    'http',
    'error',
    `Requested content-length of ${length} is larger than the configured limit of ${limitRequestBody}`,
    'AH01588',
  )
  return 413
}

/** The status for a body that did not arrive whole. */
export function brokenBodyStatus({ incoming }: Request): 400 | 408 {
  return incoming.body.timedOut === true ? 408 : 400
}

/** Why a body did not arrive whole. */
export type BodyFault = 'limit' | 'aborted'

export interface BodyReader {
  onData(chunk: Buffer): void
  onEnd(): void
  onFault(fault: BodyFault): void
}

/**
 * Reads the body, asking the client for it where it waits. Pause and resume `request.incoming.body` to hold it back. Exactly one of `onEnd` and
 * `onFault` is called, nothing after it.
 */
export function readBody(request: Request, reader: BodyReader): void {
  const { body } = request.incoming
  if (refuseDeclaredBody(request) !== undefined) {
    reader.onFault('limit')
    return
  }
  const limit = request.dir.get(coreDir).limitRequestBody
  let received = 0
  request.sendContinue()
  body.read({
    data: (chunk) => {
      received += chunk.length
      if (limit === 0 || received <= limit) {
        reader.onData(chunk)
        return
      }
      body.stop()
      reader.onFault('limit')
    },
    end: () => reader.onEnd(),
    aborted: () => reader.onFault('aborted'),
  })
}
