/**
 * mod_authz_user: `Require valid-user` and `Require user`. Conditions for checkAuth, see authz-core.ts.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authz_user.html
 */
import { provide } from '../config/provider.js'
import { splitWords } from '../config/words.js'
import { fill } from '../expr/expression.js'
import { AUTHZ, type AuthzProvider } from './authz-provider.js'
import type { HttpdModule } from './module.js'
import { templateOf } from './string-template.js'

const validUser: AuthzProvider = {
  name: 'valid-user',
  parse: () => (request) => (request.user === undefined ? 'deniedNoUser' : 'granted'),
}

const user: AuthzProvider = {
  name: 'user',
  parse: (cmd, args) => {
    const template = templateOf(cmd, args)
    const named = typeof template === 'string' ? new Set(cmd.words(template)) : undefined
    return (request) => {
      if (request.user === undefined) return 'deniedNoUser'
      const users = named ?? new Set(splitWords(fill(template, request)))
      if (users.has(request.user)) return 'granted'
      request.report(
        'authz_user',
        'debug',
        `access to ${request.path} failed, reason: user '${request.user}' does not meet 'require'ments for user to be allowed access`,
        'AH01663',
      )
      return 'denied'
    }
  },
}

export const authzUser = {
  id: 'authz_user_module',
  source: 'mod_authz_user.c',
  directives: [],
  providers: [provide(AUTHZ, validUser), provide(AUTHZ, user)],
} satisfies HttpdModule
