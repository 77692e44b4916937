/**
 * mod_authz_groupfile: `Require group` and `Require file-group`, with the groups of a file. Conditions for checkAuth, see authz-core.ts.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authz_groupfile.html
 */
import { directive, take1 } from '../config/directive.js'
import { provide } from '../config/provider.js'
import { type Settings, settingsKey } from '../config/settings.js'
import { splitWords } from '../config/words.js'
import { fill } from '../expr/expression.js'
import type { Request } from '../request/request.js'
import { fileGroup } from './authz-owner.js'
import { type Answer, AUTHZ, type AuthzProvider, groupKey } from './authz-provider.js'
import { CachedFile } from './cached-file.js'
import type { HttpdModule } from './module.js'
import { templateOf } from './string-template.js'

/** Keys of groups ({@link groupKey}) by user. */
type Groups = ReadonlyMap<string, ReadonlySet<string>>

export const authzGroupfileDir = settingsKey<{ readonly file: CachedFile<Groups> | undefined }>(
  'authz_groupfile',
  {
    file: undefined,
  },
)

/** Lines of `group: user user…`; a group may have several. `#` at the start makes a comment. */
export function parseGroups(text: string): Groups {
  const groups = new Map<string, Set<string>>()
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':')
    if (line.startsWith('#') || colon < 0) continue
    const group = groupKey(line.slice(0, colon).trim())
    for (const user of splitWords(line.slice(colon + 1))) {
      const known = groups.get(user)
      if (known) known.add(group)
      else groups.set(user, new Set([group]))
    }
  }
  return groups
}

const group: AuthzProvider = {
  name: 'group',
  parse: (cmd, args) => {
    const template = templateOf(cmd, args)
    const words = typeof template === 'string' ? cmd.words(template) : undefined
    return (request, dir) =>
      request.user === undefined
        ? 'deniedNoUser'
        : isMember(request, request.user, words ?? splitWords(fill(template, request)), dir)
  },
}

const fileGroupProvider: AuthzProvider = {
  name: 'file-group',
  parse: () => (request, dir) =>
    request.user === undefined ? 'deniedNoUser' : isInFileGroup(request, request.user, dir),
}

async function isMember(
  request: Request,
  user: string,
  wanted: readonly string[],
  dir: Settings,
): Promise<Answer> {
  const mine = await groupsOf(request, user, dir, ['AH01664', 'AH01665'])
  if (mine === undefined) return 'denied'
  if (wanted.some((group) => mine.has(groupKey(group)))) return 'granted'
  const reason = `user is in none of the required groups of ${dir.get(authzGroupfileDir).file?.path}.`
  return refuse(request, user, reason, 'AH01667')
}

async function isInFileGroup(request: Request, user: string, dir: Settings): Promise<Answer> {
  const mine = await groupsOf(request, user, dir, ['AH01668', 'AH01669'])
  const group = mine === undefined ? undefined : fileGroup(request)
  if (mine === undefined || group === undefined) return 'denied'
  if (mine.has(groupKey(group))) return 'granted'
  return refuse(request, user, "user is not part of the 'require'ed file group.", 'AH01671')
}

function refuse(request: Request, user: string, reason: string, code: string): Answer {
  const message = `Authorization of user ${user} to access ${request.path} failed, reason: ${reason}`
  request.report('authz_groupfile', 'info', message, code)
  return 'denied'
}

const NO_GROUPS: ReadonlySet<string> = new Set()

/** The user's groups; undefined, with an entry in the log, where the file cannot be read. */
async function groupsOf(
  request: Request,
  user: string,
  dir: Settings,
  [noFile, unreadable]: readonly [string, string],
): Promise<ReadonlySet<string> | undefined> {
  const { file } = dir.get(authzGroupfileDir)
  if (file === undefined) {
    request.report('authz_groupfile', 'error', 'No group file was specified in the configuration', noFile)
    return undefined
  }
  try {
    return (await file.read()).get(user) ?? NO_GROUPS
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    request.report(
      'authz_groupfile',
      'error',
      `Could not open group file: ${file.path} (${code})`,
      unreadable,
    )
    return undefined
  }
}

export const authzGroupfile = {
  id: 'authz_groupfile_module',
  source: 'mod_authz_groupfile.c',
  directives: [
    directive({
      name: 'AuthGroupFile',
      syntax: 'file-path',
      contexts: ['directory', 'htaccess'],
      override: 'AuthConfig',
      help: 'text file containing group names and member user IDs',
      ...take1((cmd, path) => {
        cmd.dir.draft(authzGroupfileDir).file = new CachedFile(cmd.resolve(path), parseGroups)
      }),
    }),
  ],
  providers: [provide(AUTHZ, group), provide(AUTHZ, fileGroupProvider)],
} satisfies HttpdModule
