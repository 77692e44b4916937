/**
 * The directives that name hook scripts: `WSGIAccessScript`, `WSGIAuthUserScript`, `WSGIAuthGroupScript`, `WSGIDispatchScript`. What the
 * functions in them are asked is in src/wsgi/hooks/.
 */
import { type Command, type Context, type Directive, directive, raw } from '../../config/directive.js'
import { GLOBAL, type GroupName } from '../../wsgi/group-name.js'
import { takeWord } from '../../wsgi/options.js'
import { readOptions } from './scripts.js'
import { wsgiDir, wsgiMain } from './settings.js'

type HookProperty = 'accessScript' | 'authUserScript' | 'authGroupScript' | 'dispatchScript'

/** @param what the middle of mod_wsgi's messages. */
function hookDirective(
  name: string,
  property: HookProperty,
  what: string,
  contexts: readonly Context[],
  help: string,
): Directive {
  return directive({
    name,
    syntax: 'file-path [application-group=name]',
    contexts,
    ...(contexts.includes('htaccess') ? { override: 'AuthConfig' as const } : {}),
    help,
    ...raw((cmd: Command, text) => {
      const script = takeWord(text, 0)
      if (script === undefined || script.word === '') cmd.fail(`Location of ${what} script not supplied.`)
      const options = readOptions(cmd, text, script.next, `${what} script`, ['application-group'])
      cmd.dir.draft(wsgiDir)[property] = {
        script: cmd.resolve(script.word),
        applicationGroup: knownToHooks(options.applicationGroup ?? GLOBAL),
      }
      // A file that is read while requests are served comes too late for that.
      if (cmd.context !== 'htaccess') cmd.main.draft(wsgiMain).hookScripts = true
    }),
  })
}

/** Of the variables, hooks know `%{GLOBAL}`, `%{SERVER}` and `%{HOST}`; other words stand for themselves. */
function knownToHooks(name: GroupName): GroupName {
  switch (name.kind) {
    case 'resource':
      return { kind: 'literal', name: '%{RESOURCE}' }
    case 'environment':
      return { kind: 'literal', name: name.text }
    default:
      return name
  }
}

const PLACES: readonly Context[] = ['directory', 'htaccess']

export const hookScriptDirectives: readonly Directive[] = [
  hookDirective(
    'WSGIAccessScript',
    'accessScript',
    'access',
    PLACES,
    'Location of WSGI host access script file: its allow_access decides who may, by host.',
  ),
  hookDirective(
    'WSGIAuthUserScript',
    'authUserScript',
    'auth user',
    PLACES,
    'Location of WSGI user authentication script file, for AuthBasicProvider wsgi (check_password) and AuthDigestProvider wsgi (get_realm_hash).',
  ),
  hookDirective(
    'WSGIAuthGroupScript',
    'authGroupScript',
    'auth group',
    PLACES,
    'Location of WSGI group authorisation script file, for Require wsgi-group (groups_for_user).',
  ),
  hookDirective(
    'WSGIDispatchScript',
    'dispatchScript',
    'dispatch',
    ['server', 'vhost', 'directory'],
    'Location of WSGI dispatch script file: its process_group, application_group and callable_object choose for each request.',
  ),
]
