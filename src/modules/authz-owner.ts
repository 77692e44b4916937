/**
 * mod_authz_owner: `Require file-owner`, and the name of a file's group for `Require file-group` of mod_authz_groupfile.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authz_owner.html
 */
import type { Stats } from 'node:fs'
import { provide } from '../config/provider.js'
import type { Request } from '../request/request.js'
import { AUTHZ, type AuthzProvider } from './authz-provider.js'
import type { HttpdModule } from './module.js'
import { findGroup, findUser } from './unixd.js'

/** Names of ids are asked for again after this time, in milliseconds. */
const KEEP_MS = 60_000
const kept = new Map<string, { readonly name: string | undefined; readonly until: number }>()

function nameOf(kind: 'user' | 'group', id: number): string | undefined {
  const key = `${kind} ${id}`
  const known = kept.get(key)
  if (known !== undefined && known.until > Date.now()) return known.name
  const found = (kind === 'user' ? findUser : findGroup)(`#${id}`)?.name
  const name = found?.startsWith('#') ? undefined : found
  kept.set(key, { name, until: Date.now() + KEEP_MS })
  return name
}

/** Of the request's file. Where there is none, or its id has no name, undefined and an entry in the log. */
function ownerName(request: Request, kind: 'user' | 'group'): string | undefined {
  const fail = (reason: string, code: string): undefined => {
    const message = `Authorization of user ${request.user} to access ${request.path} failed, reason: ${reason}`
    request.report('authz_owner', 'error', message, code)
    return undefined
  }
  const stats: Stats | undefined = request.finfo
  if (stats === undefined) return fail(`could not stat file ${request.filename}`, 'AH01634')
  const id = kind === 'user' ? stats.uid : stats.gid
  const word = kind === 'user' ? 'owner' : 'group'
  return nameOf(kind, id) ?? fail(`could not get name of file ${word} ${id}`, 'AH01636')
}

/** Name of the group that the request's file belongs to; undefined, with an entry in the log, where that is not known. */
export function fileGroup(request: Request): string | undefined {
  return ownerName(request, 'group')
}

const fileOwner: AuthzProvider = {
  name: 'file-owner',
  parse: () => (request) => {
    if (request.user === undefined) return 'deniedNoUser'
    const owner = ownerName(request, 'user')
    if (owner === undefined) return 'denied'
    if (owner === request.user) return 'granted'
    const message = `Authorization of user ${request.user} to access ${request.path} failed, reason: file owner ${owner} does not match.`
    request.report('authz_owner', 'error', message, 'AH01637')
    return 'denied'
  },
}

export const authzOwner = {
  id: 'authz_owner_module',
  source: 'mod_authz_owner.c',
  directives: [],
  providers: [provide(AUTHZ, fileOwner)],
} satisfies HttpdModule
