/**
 * The phases of a request to a mounted application: translation, the look at the script, the handler. Everything else of the server (access,
 * files, logs of access, filters) is the service's own business.
 */
import type { HttpdModule, Outcome } from '../modules/module.js'
import type { ScriptAlias } from '../modules/wsgi/settings.js'
import type { PhaseTable } from '../request/phases.js'
import { phaseTable } from '../request/process.js'
import type { Request } from '../request/request.js'
import { normalizePath } from '../request/url-path.js'
import { walksOf } from '../request/walk/walk.js'
import type { Gateway } from '../wsgi/gateway.js'
import { handleWsgi } from '../wsgi/handler.js'
import { MountedRequest } from './node-messages.js'

export interface Mounted {
  readonly alias: ScriptAlias
  readonly gateway: Gateway
  /** Names and values of `setEnv`. */
  readonly variables: Readonly<Record<string, string>>
}

export function mountPhases({ alias, gateway, variables }: Mounted): PhaseTable {
  const pairs = Object.entries(variables)
  const gatewayOf = () => gateway

  /** What the router has cut off is no part of the path that is made plain: `..` does not lead out of it. */
  function leaveBase(request: Request): Outcome {
    request.path = placeOf(request).path
    return undefined
  }

  function translateName(request: Request): Outcome {
    const { base, isBare } = placeOf(request)
    const prefix = base === '' ? '' : normalizePath(base, walksOf(request.server).pathRules)
    if (typeof prefix === 'number') return prefix
    const rest = isBare ? '' : request.path
    request.filename = alias.script + rest
    request.path = prefix + rest
    request.handler = 'wsgi-script'
    request.translation = alias
    for (const [name, value] of pairs) request.env.set(name, value)
    return 'ok'
  }

  const module: HttpdModule = {
    id: 'mount_module',
    source: 'mount.ts',
    directives: [],
    hooks: {
      postReadRequest: leaveBase,
      translateName,
      handler: (request) => handleWsgi(request, gatewayOf),
    },
  }
  return phaseTable([module])
}

function placeOf({ incoming }: Request) {
  if (!(incoming instanceof MountedRequest))
    throw new Error('a request that did not come through the handler')
  return incoming.place
}
