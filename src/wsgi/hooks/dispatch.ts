/**
 * `WSGIDispatchScript`: a script that chooses process group, application group and callable for each request. It is asked after all
 * checks and before the choice is checked, and what it says goes before options of aliases.
 */
import type { HookScript } from '../../modules/wsgi/settings.js'
import type { Request } from '../../request/request.js'
import type { Place } from '../channel/types.js'
import type { RequestEnviron } from '../environ.js'
import type { RequestGateway } from '../gateway.js'
import { type Choice, hookGroup } from '../target.js'
import { callHook } from './call.js'

/** Functions of a script by the name that it gives them; null where it has none, or leaves the configuration as it is. */
type Answer = Readonly<Record<'process_group' | 'application_group' | 'callable_object', string | null>>

/** The place of a dispatch script, by that of the application as the configuration has it. */
const places = new WeakMap<Place, Place>()

/**
 * @param configured the place of the application if nobody chooses otherwise.
 * @returns undefined where the script raised or returned what it must not, which is in the log.
 */
export async function dispatch(
  request: Request,
  script: HookScript,
  configured: Place,
  environ: RequestEnviron,
  gateway: RequestGateway,
): Promise<Choice | undefined> {
  const result = await callHook<Answer>(
    (call) => gateway.callHook(call),
    request,
    placeFor(script, configured),
    hookGroup(request, script.applicationGroup),
    environ,
    { words: [] },
  )
  // A script that is not there or cannot be loaded leaves everything as it is configured, as in mod_wsgi.
  if (result.failed !== undefined) return result.failed === 'script' ? {} : undefined
  const { process_group, application_group, callable_object } = result.value
  return {
    ...(process_group === null ? {} : { processGroup: process_group }),
    ...(application_group === null ? {} : { applicationGroup: application_group }),
    ...(callable_object === null ? {} : { callableObject: callable_object }),
  }
}

function placeFor(script: HookScript, configured: Place): Place {
  const known = places.get(configured)
  if (known !== undefined) return known
  const place: Place = {
    kind: 'hook',
    script: script.script,
    callable: 'dispatch',
    reload: configured.reload,
    passAuthorization: false,
    base: configured.base,
  }
  places.set(configured, place)
  return place
}
