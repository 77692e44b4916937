/**
 * The phases of a request to a mounted application: translation, the look at the script, the handler. Everything else of the server (access,
 * files, logs of access, filters) is the service's own business.
 */
import type { HttpdModule, Outcome } from '../modules/module.js'
import type { ScriptAlias } from '../modules/wsgi/settings.js'
import type { PhaseTable } from '../request/phases.js'
import { phaseTable } from '../request/process.js'
import type { Request } from '../request/request.js'
import type { Gateway } from '../wsgi/gateway.js'
import { handleWsgi } from '../wsgi/handler.js'
import { MountedRequest } from './node-messages.js'
import { decodePath } from './place.js'

export interface Mounted {
  readonly alias: ScriptAlias
  readonly gateway: Gateway
  /** Names and values of `setEnv`. */
  readonly variables: Readonly<Record<string, string>>
}

export function mountPhases({ alias, gateway, variables }: Mounted): PhaseTable {
  const pairs = Object.entries(variables)
  const gatewayOf = () => gateway

  /** Core makes paths plain, which this one is not to be. What is none it answers or refuses (`OPTIONS *`). */
  function hidePath(request: Request): Outcome {
    const { path } = placeOf(request)
    request.path = path.startsWith('/') ? '/' : path
    return undefined
  }

  function translateName(request: Request): Outcome {
    request.filename = alias.script
    request.handler = 'wsgi-script'
    request.translation = alias
    for (const [name, value] of pairs) request.env.set(name, value)
    return 'ok'
  }

  function handler(request: Request): Outcome | Promise<Outcome> {
    const { base, path, isBare } = placeOf(request)
    const prefix = decodePath(base)
    const rest = isBare ? '' : decodePath(path)
    if (typeof prefix === 'number') return prefix
    if (typeof rest === 'number') return rest
    request.path = prefix + rest
    request.pathInfo = rest
    request.keepsSlashes = true
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
  return phaseTable([module])
}

function placeOf({ incoming }: Request) {
  if (!(incoming instanceof MountedRequest))
    throw new Error('a request that did not come through the handler')
  return incoming.place
}
