/**
 * mod_wsgi: its directives, the translation of URLs to script files, and the handler that gives requests to the gateway.
 */
import type { Request } from '../request/request.js'
import { matchAlias } from '../wsgi/alias-match.js'
import { handleWsgi } from '../wsgi/handler.js'
import { checkSite } from '../wsgi/visibility.js'
import type { HttpdModule, Outcome } from './module.js'
import { checkHookAccess } from './wsgi/access.js'
import { wsgiDaemonProcess } from './wsgi/daemon-process.js'
import { wsgiDirectives } from './wsgi/directives.js'
import { hookScriptDirectives } from './wsgi/hook-scripts.js'
import { interpreterDirectives, interpreterOptionsSection } from './wsgi/interpreter-options.js'
import { wsgiProviders } from './wsgi/providers.js'
import { wsgiHandlerScript, wsgiImportScript, wsgiScriptAlias, wsgiScriptAliasMatch } from './wsgi/scripts.js'
import { wsgiDir, wsgiServer } from './wsgi/settings.js'

export const wsgi: HttpdModule = {
  id: 'wsgi_module',
  source: 'mod_wsgi.c',
  directives: [
    wsgiScriptAlias,
    wsgiScriptAliasMatch,
    wsgiDaemonProcess,
    wsgiImportScript,
    wsgiHandlerScript,
    ...wsgiDirectives,
    ...hookScriptDirectives,
    ...interpreterDirectives,
    interpreterOptionsSection,
  ],
  hooks: { translateName, checkAccess: checkHookAccess, handler: handleWsgi },
  needs: { translateName: [wsgiServer], checkAccess: [wsgiDir] },
  providers: wsgiProviders,
  check: checkSite,
}

/** Runs after mod_alias, so that `Alias /static` wins over `WSGIScriptAlias /`. */
function translateName(request: Request): Outcome {
  const { aliases } = request.server.settings.get(wsgiServer)
  if (aliases.length === 0) return undefined
  const match = matchAlias(aliases, request.path)
  if (match === undefined) return undefined
  request.filename = match.filename
  request.handler = 'wsgi-script'
  request.translation = match.alias
  return 'ok'
}
