/**
 * How a request's body reaches the interpreter: with the request when it is small, else as a stream that is read when the application reads.
 */
import { coreDir } from '../modules/core/settings.js'
import type { WsgiDir } from '../modules/wsgi/settings.js'
import { brokenBodyStatus } from '../request/body.js'
import type { Request } from '../request/request.js'
import { type BodyPlan, INLINE_BODY_MAX_BYTES } from './channel/types.js'

const NONE: BodyPlan = { kind: 'none' }

/** The plan, a status that refuses the request before any application runs, or a promise while a small body arrives. */
export type PlannedBody = BodyPlan | { readonly refused: number; readonly why: string }

export function planBody(request: Request, dir: WsgiDir): PlannedBody | Promise<PlannedBody> {
  const coding = request.headersIn.get('Transfer-Encoding')
  if (coding !== undefined) return planChunked(request, dir, coding)
  const text = request.headersIn.get('Content-Length')
  if (text === undefined) return NONE
  if (!/^\d+$/.test(text))
    return { refused: 400, why: `WSGI0139: Invalid Content-Length '${text.slice(0, 40)}'` }
  const length = Number(text)
  if (length === 0) return NONE
  const limit = request.dir.get(coreDir).limitRequestBody
  if (limit > 0 && length > limit) {
    return {
      refused: 413,
      why: `Requested content-length of ${length} is larger than the configured limit of ${limit}`,
    }
  }
  // A body that the client holds back until it gets `100 Continue` is only asked for when the application reads it.
  if (length > INLINE_BODY_MAX_BYTES || request.expectsContinue) return stream(request, length)
  return collect(request, length)
}

function planChunked(request: Request, dir: WsgiDir, coding: string): PlannedBody {
  if (coding.trim().toLowerCase() !== 'chunked')
    return { refused: 501, why: `Unexpected value for Transfer-Encoding of '${coding}' supplied` }
  if (!dir.chunkedRequest) {
    return { refused: 411, why: 'A chunked request body needs WSGIChunkedRequest On: the request is refused' }
  }
  return stream(request, request.dir.get(coreDir).limitRequestBody)
}

function stream(request: Request, limit: number): BodyPlan {
  return {
    kind: 'stream',
    source: request.incoming.body,
    ...(limit > 0 ? { limit } : {}),
    wanted: () => request.sendContinue(),
  }
}

/** Waits for a small body, so that no Python thread waits for a slow client. */
function collect(request: Request, length: number): BodyPlan | Promise<PlannedBody> {
  const { body } = request.incoming
  const whole = body.takeWhole()
  if (whole !== undefined) return { kind: 'inline', data: whole }
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let received = 0
    body.read({
      data(chunk) {
        chunks.push(chunk)
        received += chunk.length
      },
      end: () =>
        received === length
          ? resolve({
              kind: 'inline',
              data: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks),
            })
          : incomplete(),
      aborted: incomplete,
    })
    function incomplete(): void {
      const refused = brokenBodyStatus(request)
      const why =
        refused === 408
          ? 'The request body did not arrive in time'
          : 'The client closed the connection before the request body was complete'
      resolve({ refused, why })
    }
  })
}
