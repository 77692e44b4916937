/**
 * `WSGIAccessScript` in the phase checkAccess: `allow_access(environ, host)` says True (allowed, as far as this goes), False, or None
 * (no opinion). Whatever else happens in it refuses the request with 403.
 */
import type { Request } from '../../request/request.js'
import { askHook } from '../../wsgi/hooks/ask.js'
import { satisfiesAny } from '../access-compat.js'
import { someAuthRequired } from '../authz-core.js'
import { clientHost } from '../client-host.js'
import { coreDir } from '../core/settings.js'
import type { Outcome } from '../module.js'
import { type HookScript, wsgiDir } from './settings.js'

export function checkHookAccess(request: Request): Outcome | Promise<Outcome> {
  const { accessScript } = request.dir.get(wsgiDir)
  return accessScript === undefined ? undefined : ask(request, accessScript)
}

async function ask(request: Request, script: HookScript): Promise<Outcome> {
  const { remoteAddress } = request.connection
  const lookUp = request.dir.get(coreDir).hostnameLookups !== 'Off'
  const host = lookUp ? await clientHost(request.connection) : undefined
  const result = await askHook(request, script, 'allow_access', [host ?? remoteAddress], host)
  if (result.failed === undefined && result.value !== false) return result.value === null ? undefined : 'ok'
  // Under `Satisfy Any` a user may still be let in.
  if (!satisfiesAny(request) || !someAuthRequired(request)) {
    request.report('wsgi', 'error', `Client denied by server configuration: '${request.filename}'.`)
  }
  return 403
}
