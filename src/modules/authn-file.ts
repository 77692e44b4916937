/**
 * mod_authn_file: the `file` provider, users and passwords of htpasswd and htdigest files.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authn_file.html
 */
import { directive, take1 } from '../config/directive.js'
import { provide } from '../config/provider.js'
import { type Settings, settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import {
  type Passwords,
  parsePasswords,
  parseRealmHashes,
  type RealmHashes,
  realmKey,
} from './authn-file/password-file.js'
import { PasswordVerifier, type Verification } from './authn-file/verifier.js'
import { AUTHN, type AuthnProvider, type DigestAlgorithm } from './authn-provider.js'
import { CachedFile } from './cached-file.js'
import type { HttpdModule } from './module.js'

/** One `AuthUserFile`, read as what it is asked for. */
interface UserFile {
  readonly passwords: CachedFile<Passwords>
  readonly realmHashes: CachedFile<RealmHashes>
}

export const authnFileDir = settingsKey<{ readonly file: UserFile | undefined }>('authn_file', {
  file: undefined,
})

/** Hexadecimal digits of a hash. */
const HASH_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { MD5: 32, 'SHA-256': 64 }

const verifier = new PasswordVerifier()

const provider: AuthnProvider = {
  name: 'file',

  async checkPassword(request, user, password, dir) {
    const passwords = await contentOf(request, dir, 'passwords')
    if (passwords === undefined) return 'error'
    const hash = passwords.get(user)
    if (hash === undefined) return 'notFound'
    return verdictOn(request, user, await verifier.verify(password, hash, request.connection))
  },

  async getRealmHash(request, user, realm, dir, algorithm) {
    const hashes = await contentOf(request, dir, 'realmHashes')
    if (hashes === undefined) return 'error'
    const length = HASH_LENGTH[algorithm]
    const hash = hashes.get(realmKey(user, realm))?.find((one) => one.length === length)
    return hash === undefined ? 'notFound' : { hash }
  },
}

function verdictOn(request: Request, user: string, verification: Verification) {
  const report = (level: 'error' | 'warn', message: string, code: string) =>
    request.report('authn_file', level, message, code)
  switch (verification) {
    case 'same':
      return 'granted'
    case 'different':
    case 'gone':
      return 'denied'
    case 'unsupported':
      report(
        'error',
        `the stored password of user ${user} is of a kind that cannot be compared here: plain text is never accepted, and what else is depends on the system's crypt(3)`,
        'WSGH0040',
      )
      return 'denied'
    case 'busy':
      report(
        'warn',
        `too many passwords are waiting to be compared; the one of user ${user} is not`,
        'WSGH0041',
      )
      return 'busy'
    case 'failed':
      report('error', `comparing the password of user ${user} failed: its thread has ended`, 'WSGH0042')
      return 'error'
    default:
      return verification satisfies never
  }
}

/** What the file says; undefined, with an entry in the log, where there is none or it cannot be read. */
async function contentOf<Kind extends keyof UserFile>(
  request: Request,
  dir: Settings,
  kind: Kind,
): Promise<Awaited<ReturnType<UserFile[Kind]['read']>> | undefined> {
  type Content = Awaited<ReturnType<UserFile[Kind]['read']>>
  const { file } = dir.get(authnFileDir)
  if (file === undefined) {
    request.report('authn_file', 'error', 'AuthUserFile not specified in the configuration', 'AH01619')
    return undefined
  }
  try {
    return (await file[kind].read()) as Content
  } catch (error) {
    const message = `Could not open password file: ${file[kind].path}`
    request.report('authn_file', 'error', message, 'AH01620', error as NodeJS.ErrnoException)
    return undefined
  }
}

export const authnFile = {
  id: 'authn_file_module',
  source: 'mod_authn_file.c',
  directives: [
    directive({
      name: 'AuthUserFile',
      syntax: 'file-path',
      contexts: ['directory', 'htaccess'],
      override: 'AuthConfig',
      help: 'text file containing user IDs and passwords',
      ...take1((cmd, word) => {
        const path = cmd.resolve(word)
        cmd.dir.draft(authnFileDir).file = {
          passwords: new CachedFile(path, parsePasswords),
          realmHashes: new CachedFile(path, parseRealmHashes),
        }
      }),
    }),
  ],
  providers: [provide(AUTHN, provider)],
} satisfies HttpdModule
