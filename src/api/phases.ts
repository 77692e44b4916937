/**
 * The phases of a request to a mounted application: translation, the look at the script, the handler. Everything else of the server (access,
 * files, logs of access, filters) is the service's own business.
 */
import type { HttpdModule, Outcome } from '../modules/module.js'
import type { ScriptAlias } from '../modules/wsgi/settings.js'
import { type PhaseTable, stackOf } from '../request/phases.js'
import { phaseTable } from '../request/process.js'
import { reasonOf } from '../request/reasons.js'
import type { Request } from '../request/request.js'
import type { Gateway } from '../wsgi/gateway.js'
import { handleWsgi } from '../wsgi/handler.js'
import { RequestError } from './errors.js'
import { MountedRequest, MountedResponse } from './node-messages.js'
import type { Chosen, ErrorHandler } from './options.js'
import { decodePath } from './place.js'
import { askVariables } from './variables.js'

export interface Mounted {
  readonly alias: ScriptAlias
  readonly gateway: Gateway
  readonly setEnv: Chosen['setEnv']
  readonly onError: Chosen['onError']
}

export function mountPhases({ alias, gateway, setEnv, onError }: Mounted): PhaseTable {
  const pairs = typeof setEnv === 'function' ? [] : Object.entries(setEnv ?? {})
  const gatewayOf = () => gateway

  /** Core makes paths plain, which this one is not to be. What is none it answers or refuses (`OPTIONS *`). */
  function hidePath(request: Request): Outcome {
    const { path } = incomingOf(request).place
    request.path = path.startsWith('/') ? '/' : path
    return undefined
  }

  function translateName(request: Request): Outcome {
    request.filename = alias.script
    request.handler = 'wsgi-script'
    request.translation = alias
    return 'ok'
  }

  function handler(request: Request): Outcome | Promise<Outcome> {
    const incoming = incomingOf(request)
    const { base, path, isBare } = incoming.place
    const prefix = decodePath(base)
    const rest = isBare ? '' : decodePath(path)
    if (typeof prefix === 'number') return prefix
    if (typeof rest === 'number') return rest
    request.path = prefix + rest
    request.pathInfo = rest
    request.keepsSlashes = true
    for (const [name, value] of pairs) request.env.set(name, value)
    if (typeof setEnv === 'function') {
      try {
        askVariables(setEnv, incoming.request, request.env)
      } catch (thrown) {
        request.report('api', 'error', `setEnv has failed: ${stackOf(thrown)}`)
        return 500
      }
    }
    return handleWsgi(request, gatewayOf)
  }

  const module: HttpdModule = {
    id: 'mount_module',
    source: 'mount.ts',
    directives: [],
    hooks: {
      postReadRequest: hidePath,
      translateName,
      handler,
    },
  }
  const table = phaseTable([module])
  return onError === undefined ? table : { ...table, answerError: answerBy(onError) }
}

/** The service answers in place of error pages. */
function answerBy(onError: ErrorHandler): NonNullable<PhaseTable['answerError']> {
  return (request, status, page) => {
    const { incoming, outgoing } = request
    if (!(incoming instanceof MountedRequest && outgoing instanceof MountedResponse)) return page()
    if (outgoing.isOver) return
    outgoing.isLeft = true
    const error = new RequestError(status, reasonOf(status) ?? 'Unknown', request.id)
    try {
      onError(error, incoming.request, outgoing.response, incoming.next ?? page)
    } catch (thrown) {
      request.report('api', 'error', `onError has failed: ${stackOf(thrown)}`)
      page()
    }
  }
}

function incomingOf({ incoming }: Request): MountedRequest {
  if (!(incoming instanceof MountedRequest))
    throw new Error('a request that did not come through the handler')
  return incoming
}
