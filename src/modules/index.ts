/**
 * The modules of this server, in the order in which their hooks run. Where a phase stops at the first module that does not decline, the order is
 * what users see, whatever the order of directives in a file.
 */
import { accessCompat } from './access-compat.js'
import { alias } from './alias.js'
import { authBasic } from './auth-basic.js'
import { authDigest } from './auth-digest.js'
import { authnAnon } from './authn-anon.js'
import { authnCore } from './authn-core.js'
import { authnFile } from './authn-file.js'
import { authnSocache } from './authn-socache.js'
import { authzCore } from './authz-core.js'
import { authzGroupfile } from './authz-groupfile.js'
import { authzHost } from './authz-host.js'
import { authzOwner } from './authz-owner.js'
import { authzUser } from './authz-user.js'
import { autoindex } from './autoindex.js'
import { brotli } from './brotli.js'
import { core, http } from './core.js'
import { deflate } from './deflate.js'
import { dir } from './dir.js'
import { wsgiHttpd } from './elsewhere.js'
import { env } from './env.js'
import { expires } from './expires.js'
import { filter } from './filter.js'
import { earlyHeaders, headers } from './headers.js'
import { http2 } from './http2.js'
import { coreLanguage, macro, so, version } from './language.js'
import { logConfig, logio } from './log-config.js'
import { mime } from './mime.js'
import type { HttpdModule } from './module.js'
import { mpm } from './mpm.js'
import { negotiation } from './negotiation.js'
import { proxy, proxyHttp, proxyWstunnel } from './proxy.js'
import { remoteip } from './remoteip.js'
import { reqtimeout } from './reqtimeout.js'
import { rewrite, rewriteTypes } from './rewrite.js'
import { setenvif } from './setenvif.js'
import { ssl } from './ssl.js'
import { status } from './status.js'
import { unixd } from './unixd.js'
import { wsgi } from './wsgi.js'

export const modules: readonly HttpdModule[] = [
  // no hooks, or only logging
  { ...core, directives: [...core.directives, ...coreLanguage] },
  http,
  mpm,
  unixd,
  so,
  version,
  macro,
  wsgiHttpd,
  reqtimeout,
  http2,
  filter,
  deflate,
  brotli,
  logConfig,
  logio,
  // who the client is, before anybody asks
  remoteip,
  // `RequestHeader … early` before SetEnvIf looks at headers; both before anything asks for variables
  earlyHeaders,
  setenvif,
  // refuses requests that TLS has something against before anybody looks at them
  ssl,
  // access: by address first, then who it is, then whether that user may. authz_core asks the providers of the others; authn_core has the last
  // word on who it is
  accessCompat,
  authBasic,
  authDigest,
  authnFile,
  authnAnon,
  authnSocache,
  authnCore,
  authzCore,
  authzGroupfile,
  authzHost,
  authzOwner,
  authzUser,
  // RewriteRule before everything else that maps URLs, and before SetEnv
  rewrite,
  // SetEnv before all fixups that may use variables
  env,
  // ProxyPass before Redirect and Alias, as in httpd
  proxy,
  proxyHttp,
  proxyWstunnel,
  // Redirect and Alias before WSGIScriptAlias, so that static files stand beside an application at /
  alias,
  wsgi,
  // a URL may stand for several files; what their extensions say comes after
  negotiation,
  mime,
  // H= and T= of rewriting have the last word on a file's handler; an index file has its own
  rewriteTypes,
  // what is still a directory is tried with its index names; then RequestHeader, which sees variables and the index file
  dir,
  // handlers of their own
  autoindex,
  status,
  // Header after Expires, to have the last word
  expires,
  headers,
]
