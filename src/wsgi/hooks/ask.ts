/**
 * Asks a function of a hook script that controls access: `allow_access`, `check_password`, `get_realm_hash`, `groups_for_user`.
 * Rules: mod_wsgi's access control hooks; their environ has the request's headers (release 3.0, feature 8), but never `Authorization`.
 */
import type { Settings } from '../../config/settings.js'
import type { ServerConfig } from '../../config/site.js'
import { coreServer } from '../../modules/core/settings.js'
import { type HookScript, wsgiDir } from '../../modules/wsgi/settings.js'
import type { Request } from '../../request/request.js'
import { serverBanner } from '../../request/server-tokens.js'
import type { TlsVariables } from '../../tls/variables.js'
import type { Place } from '../channel/types.js'
import { fixedValues, scriptNameOf } from '../environ.js'
import { activeGateway } from '../gateway.js'
import { hookGroup } from '../target.js'
import { callHook, type HookResult, type HookWords } from './call.js'

/** What each function returns where all is well; hooks.py has checked the type. */
export interface HookAnswers {
  /** null: no opinion. */
  allow_access: boolean | null
  /** A text: yes, and the user goes by that name. null: no such user here. */
  check_password: boolean | string | null
  /** Hexadecimal; null: no such user here. */
  get_realm_hash: string | null
  groups_for_user: readonly string[]
}

interface Kept {
  readonly name: string
  readonly script: HookScript
  readonly server: ServerConfig
  readonly place: Place
}

/** By the per-directory settings of requests, which are the same object for equal requests. */
const places = new WeakMap<Settings, Kept[]>()

/**
 * @param words arguments after environ; one character per byte.
 * @param host the client's name where it is known.
 * @returns never rejects.
 */
export function askHook<Name extends keyof HookAnswers>(
  request: Request,
  script: HookScript,
  name: Name,
  words: readonly string[],
  host?: string,
): Promise<HookResult<HookAnswers[Name]>> {
  const gateway = activeGateway()
  return callHook(
    (call) => gateway.callHook(call),
    request,
    placeOf(request, script, name),
    hookGroup(request, script.applicationGroup),
    {
      fixed: fixedValues(request, request.method, scriptNameOf(request)),
      rawHeaders: request.headersIn.forApplications,
      extra: host === undefined ? undefined : ['REMOTE_HOST', host],
    },
    { words, ...tlsOf(request) },
  )
}

/** By connection, which has the same variables for all its requests. */
const tlsTexts = new WeakMap<TlsVariables, Readonly<Record<string, string>>>()

/** What a script may look up of the connection: what `SSLOptions` can export, and what `%{…}x` of logs can tell beyond. */
function tlsOf({ connection: { tls } }: Request): Pick<HookWords, 'tls'> {
  if (tls === undefined) return {}
  const { variables } = tls
  let texts = tlsTexts.get(variables)
  if (texts === undefined) {
    const more = ['HTTPS', 'SSL_TLS_SNI', 'SSL_CLIENT_VERIFY_ERRSTR'].map((name): [string, string] => [
      name,
      variables.get(name) ?? '',
    ])
    texts = Object.fromEntries([...variables.standard, ...variables.exported(), ...more])
    tlsTexts.set(variables, texts)
  }
  return { tls: texts }
}

function placeOf(request: Request, script: HookScript, name: string): Place {
  let kept = places.get(request.dir)
  if (kept === undefined) {
    kept = []
    places.set(request.dir, kept)
  }
  const found = kept.find(
    (one) => one.name === name && one.script === script && one.server === request.server,
  )
  if (found !== undefined) return found.place
  const core = request.server.settings.get(coreServer)
  const place: Place = {
    kind: 'hook',
    script: script.script,
    callable: name,
    reload: request.dir.get(wsgiDir).scriptReloading,
    passAuthorization: false,
    base: {
      SERVER_SOFTWARE: serverBanner(request.server),
      DOCUMENT_ROOT: core.documentRootShown,
      ...(core.serverAdmin === undefined ? {} : { SERVER_ADMIN: core.serverAdmin }),
    },
  }
  kept.push({ name, script, server: request.server, place })
  return place
}
