/**
 * The modules of this server, in the order in which their hooks run. Where a phase stops at the first module that does not decline, the order is
 * what users see, whatever the order of directives in a file.
 */
import { accessCompat } from './access-compat.js'
import { alias } from './alias.js'
import { authnCore } from './authn-core.js'
import { authzCore } from './authz-core.js'
import { authzHost } from './authz-host.js'
import { authzUser } from './authz-user.js'
import { core, http } from './core.js'
import { dir } from './dir.js'
import { wsgiHttpd } from './elsewhere.js'
import { env } from './env.js'
import { coreLanguage, macro, so, version } from './language.js'
import { logConfig, logio } from './log-config.js'
import { mime } from './mime.js'
import type { HttpdModule } from './module.js'
import { mpm } from './mpm.js'
import { setenvif } from './setenvif.js'
import { unixd } from './unixd.js'

export const modules: readonly HttpdModule[] = [
  // core first: its fixups let SetHandler and ForceType override what the type checkers found, before anybody acts on it
  { ...core, directives: [...core.directives, ...coreLanguage] },
  http,
  mpm,
  unixd,
  so,
  version,
  macro,
  wsgiHttpd,
  logConfig,
  logio,
  // variables that access rules, logs and headers ask for
  setenvif,
  // access: by address first, then who it is, then whether that user may; authz_core asks the providers of the others
  accessCompat,
  authnCore,
  authzCore,
  authzHost,
  authzUser,
  // SetEnv before the fixups that may use the variables
  env,
  // Redirect and Alias before WSGIScriptAlias, so that static files stand beside an application at /
  alias,
  // wsgi,
  mime,
  // last fixup: what is still a directory is tried with its index names
  dir,
]
