/**
 * What mod_wsgi offers to authentication and authorization: `AuthBasicProvider wsgi`, `AuthDigestProvider wsgi` and `Require wsgi-group`, which
 * ask the functions of `WSGIAuthUserScript` and `WSGIAuthGroupScript`.
 */
import { provide } from '../../config/provider.js'
import type { Settings } from '../../config/settings.js'
import type { Request } from '../../request/request.js'
import { askHook } from '../../wsgi/hooks/ask.js'
import { AUTHN, type AuthnProvider, type DigestAlgorithm } from '../authn-provider.js'
import { type Answer, AUTHZ, type AuthzProvider, groupKey } from '../authz-provider.js'
import { type HookScript, wsgiDir } from './settings.js'

const HASH_DIGITS: Readonly<Record<DigestAlgorithm, number>> = { MD5: 32, 'SHA-256': 64 }

const users: AuthnProvider = {
  name: 'wsgi',
  async checkPassword(request, user, password, dir) {
    const script = userScript(request, dir)
    if (script === undefined) return 'error'
    const result = await askHook(request, script, 'check_password', [user, password])
    if (result.failed !== undefined) return 'error'
    const { value } = result
    if (typeof value === 'string') return { granted: value }
    return value === null ? 'notFound' : value ? 'granted' : 'denied'
  },
  async getRealmHash(request, user, realm, dir, algorithm) {
    const script = userScript(request, dir)
    if (script === undefined) return 'error'
    const result = await askHook(request, script, 'get_realm_hash', [user, realm])
    if (result.failed !== undefined) return 'error'
    const hash = result.value
    if (hash === null) return 'notFound'
    if (hash.length === HASH_DIGITS[algorithm] && /^[0-9a-f]+$/i.test(hash)) return { hash }
    request.report(
      'wsgi',
      'error',
      `get_realm_hash of '${script.script}' returned no ${algorithm} digest in hexadecimal digits`,
    )
    return 'error'
  },
}

function userScript(request: Request, dir: Settings): HookScript | undefined {
  const { authUserScript } = dir.get(wsgiDir)
  if (authUserScript === undefined) {
    request.report(
      'wsgi',
      'error',
      'Location of WSGI user authentication script not provided: WSGIAuthUserScript is not set here.',
    )
  }
  return authUserScript
}

const groups: AuthzProvider = {
  name: 'wsgi-group',
  parse: (cmd, args) => {
    const wanted = new Set(cmd.words(args).map(groupKey))
    if (wanted.size === 0) cmd.fail('Require wsgi-group needs the name of a group.')
    return (request, dir) =>
      request.user === undefined ? 'deniedNoUser' : isMember(request, request.user, wanted, dir)
  },
}

/** Where the groups cannot be found out, the user is in none of them. */
async function isMember(
  request: Request,
  user: string,
  wanted: ReadonlySet<string>,
  dir: Settings,
): Promise<Answer> {
  const { authGroupScript: script } = dir.get(wsgiDir)
  if (script === undefined) {
    request.report(
      'wsgi',
      'error',
      'Location of WSGI group authentication script not provided: WSGIAuthGroupScript is not set here.',
    )
    return 'denied'
  }
  const result = await askHook(request, script, 'groups_for_user', [user])
  if (result.failed !== undefined) return 'denied'
  if (result.value.some((group) => wanted.has(groupKey(group)))) return 'granted'
  const why =
    result.value.length === 0
      ? 'User is not a member of any groups.'
      : 'User is not a member of designated groups.'
  request.report(
    'wsgi',
    'error',
    `Authorization of user '${user}' to access '${request.path}' failed. ${why}`,
  )
  return 'denied'
}

export const wsgiProviders = [provide(AUTHN, users), provide(AUTHZ, groups)]
