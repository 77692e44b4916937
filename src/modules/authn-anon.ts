/**
 * mod_authn_anon: the `anon` provider, which lets anybody in who gives one of certain names, and an e-mail address as password.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authn_anon.html
 */
import { directive, flag, iterate } from '../config/directive.js'
import { provide } from '../config/provider.js'
import { settingsKey } from '../config/settings.js'
import { AUTHN, type AuthnProvider } from './authn-provider.js'
import type { HttpdModule } from './module.js'

interface AnonDir {
  /** Lower case; `'any'` for `*`. */
  readonly users: readonly string[] | 'any'
  readonly noUserId: boolean
  readonly mustGiveEmail: boolean
  readonly verifyEmail: boolean
  readonly logEmail: boolean
}

const anonDir = settingsKey<AnonDir>('authn_anon', {
  users: [],
  noUserId: false,
  mustGiveEmail: true,
  verifyEmail: false,
  logEmail: true,
})

const PLACES = { contexts: ['directory', 'htaccess'], override: 'AuthConfig' } as const

const FLAGS = [
  ['Anonymous_MustGiveEmail', 'mustGiveEmail', 'On', 'Whether a password must be given'],
  ['Anonymous_NoUserId', 'noUserId', 'Off', 'Whether the user ID may be empty'],
  ['Anonymous_VerifyEmail', 'verifyEmail', 'Off', 'Whether the password must look like an e-mail address'],
  [
    'Anonymous_LogEmail',
    'logEmail',
    'On',
    'Whether the password, an e-mail address, goes into the error log',
  ],
] as const

const provider: AuthnProvider = {
  name: 'anon',
  checkPassword(request, user, email, dir) {
    const { users, noUserId, mustGiveEmail, verifyEmail, logEmail } = dir.get(anonDir)
    const known =
      users === 'any' || (user === '' && noUserId) || (user !== '' && users.includes(user.toLowerCase()))
    if (!known) return 'notFound'
    if (mustGiveEmail && email === '') return 'denied'
    if (verifyEmail && !(email.includes('@') && email.includes('.'))) return 'denied'
    // with this provider the password is an address that the operator asks for
    if (logEmail && request.main === undefined && request.prev === undefined)
      request.report('authn_anon', 'info', `Anonymous: Passwd <${email || 'none'}> Accepted`, 'AH01672')
    return 'granted'
  },
}

export const authnAnon = {
  id: 'authn_anon_module',
  source: 'mod_authn_anon.c',
  directives: [
    directive({
      name: 'Anonymous',
      syntax: 'user [user] ...',
      ...PLACES,
      help: 'a space-separated list of user IDs',
      ...iterate((cmd, words) => {
        const draft = cmd.dir.draft(anonDir)
        if (words.includes('*')) draft.users = 'any'
        else if (draft.users !== 'any')
          draft.users = [...(draft.users ?? []), ...words.map((word) => word.toLowerCase())]
      }),
    }),
    ...FLAGS.map(([name, setting, initial, help]) =>
      directive({
        name,
        syntax: 'On|Off',
        ...PLACES,
        default: initial,
        help,
        ...flag((cmd, on) => {
          cmd.dir.draft(anonDir)[setting] = on
        }),
      }),
    ),
  ],
  providers: [provide(AUTHN, provider)],
} satisfies HttpdModule
