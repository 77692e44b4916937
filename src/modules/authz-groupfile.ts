/**
 * mod_authz_groupfile: `Require group` with the groups of a file. A condition for checkAuth, see authz-core.ts.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authz_groupfile.html
 */
import { directive, take1 } from '../config/directive.js'
import { provide } from '../config/provider.js'
import { type Settings, settingsKey } from '../config/settings.js'
import { splitWords } from '../config/words.js'
import { fill } from '../expr/expression.js'
import type { Request } from '../request/request.js'
import { type Answer, AUTHZ, type AuthzProvider } from './authz-provider.js'
import { CachedFile } from './cached-file.js'
import type { HttpdModule } from './module.js'
import { templateOf } from './string-template.js'

/** Names of groups by user. */
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
    const group = line.slice(0, colon).trim()
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

async function isMember(
  request: Request,
  user: string,
  wanted: readonly string[],
  dir: Settings,
): Promise<Answer> {
  const { file } = dir.get(authzGroupfileDir)
  if (file === undefined) {
    request.report('authz_groupfile', 'error', 'No group file was specified in the configuration', 'AH01664')
    return 'denied'
  }
  let groups: Groups
  try {
    groups = await file.read()
  } catch (error) {
    request.report(
      'authz_groupfile',
      'error',
      `Could not open group file: ${file.path} (${(error as NodeJS.ErrnoException).code})`,
      'AH01665',
    )
    return 'denied'
  }
  const mine = groups.get(user)
  if (wanted.some((group) => mine?.has(group))) return 'granted'
  request.report(
    'authz_groupfile',
    'info',
    `Authorization of user ${user} to access ${request.path} failed, reason: user is in none of the required groups of ${file.path}.`,
    'AH01667',
  )
  return 'denied'
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
  providers: [provide(AUTHZ, group)],
} satisfies HttpdModule
