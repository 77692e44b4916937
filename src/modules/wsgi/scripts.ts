/**
 * The directives that name script files: `WSGIScriptAlias`, `WSGIScriptAliasMatch`, `WSGIImportScript`, `WSGIHandlerScript`.
 */
import { type Command, directive, raw } from '../../config/directive.js'
import { compileRegex } from '../../config/regex.js'
import { GLOBAL, type GroupName, parseGroupName } from '../../wsgi/group-name.js'
import { OptionSyntaxError, parseOptions, takeWord } from '../../wsgi/options.js'
import { type ImportScript, type ScriptAlias, wsgiDir, wsgiMain, wsgiServer } from './settings.js'

interface ScriptOptions {
  processGroup: GroupName | undefined
  applicationGroup: GroupName | undefined
  callableObject: string | undefined
  passAuthorization: boolean | undefined
}

type OptionName = 'process-group' | 'application-group' | 'callable-object' | 'pass-authorization'

/** Reads the options of one of these directives; `what` is the middle of mod_wsgi's message. */
export function readOptions(
  cmd: Command,
  text: string,
  from: number,
  what: string,
  allowed: readonly OptionName[],
): ScriptOptions {
  const options: ScriptOptions = {
    processGroup: undefined,
    applicationGroup: undefined,
    callableObject: undefined,
    passAuthorization: undefined,
  }
  let pairs: [string, string][]
  try {
    pairs = parseOptions(text, from)
  } catch (error) {
    if (error instanceof OptionSyntaxError)
      cmd.fail(`Invalid option to WSGI ${what} definition.\n${error.message}.`)
    throw error
  }
  for (const [name, value] of pairs) {
    if (!allowed.includes(name as OptionName)) {
      cmd.fail(`Invalid option to WSGI ${what} definition.\nThere is no option '${name}' here.`)
    }
    switch (name as OptionName) {
      case 'process-group':
        if (value === '') cmd.fail('Invalid name for WSGI process group.')
        options.processGroup = parseGroupName(value)
        break
      case 'application-group':
        if (value === '') cmd.fail('Invalid name for WSGI application group.')
        options.applicationGroup = parseGroupName(value)
        break
      case 'callable-object':
        if (value === '') cmd.fail('Invalid name for WSGI callable object.')
        options.callableObject = value
        break
      case 'pass-authorization':
        if (!/^(on|off)$/i.test(value)) cmd.fail('Invalid value for authorization flag.')
        options.passAuthorization = value.toLowerCase() === 'on'
        break
    }
  }
  return options
}

const ALIAS_OPTIONS = ['process-group', 'application-group', 'callable-object', 'pass-authorization'] as const

export const wsgiScriptAlias = directive({
  name: 'WSGIScriptAlias',
  syntax:
    'URL-path file-path|directory-path [process-group=name] [application-group=name] [callable-object=name] [pass-authorization=On|Off]',
  contexts: ['server', 'vhost'],
  help: 'Map location to target WSGI script file.',
  ...raw((cmd: Command, text) => addAlias(cmd, text, false)),
})

export const wsgiScriptAliasMatch = directive({
  name: 'WSGIScriptAliasMatch',
  syntax:
    'regex file-path|directory-path [process-group=name] [application-group=name] [callable-object=name] [pass-authorization=On|Off]',
  contexts: ['server', 'vhost'],
  help: 'Map location pattern to target WSGI script file.',
  ...raw((cmd: Command, text) => addAlias(cmd, text, true)),
})

function addAlias(cmd: Command, text: string, match: boolean): void {
  const location = takeWord(text, 0)
  const target = location && takeWord(text, location.next)
  if (location === undefined || target === undefined)
    cmd.fail(`${cmd.name} requires at least two arguments, ${HELP[+match]}`)
  const options = readOptions(cmd, text, target.next, 'script alias', ALIAS_OPTIONS)
  const alias: ScriptAlias = {
    ...options,
    url: match ? undefined : location.word,
    pattern: match ? compilePattern(cmd, location.word) : undefined,
    script: match ? target.word : cmd.resolve(target.word),
    at: cmd.at,
  }
  const server = cmd.server.draft(wsgiServer)
  server.aliases = [...(server.aliases ?? []), alias]
  // Both groups named without variables: the script is loaded when the process starts (release 3.0, feature 2).
  if (!match && options.processGroup?.kind === 'literal' && options.applicationGroup?.kind === 'literal') {
    addImport(cmd, alias.script, options.processGroup, options.applicationGroup)
  }
}

const HELP = [
  'Map location to target WSGI script file.',
  'Map location pattern to target WSGI script file.',
] as const

function compilePattern(cmd: Command, text: string): RegExp {
  try {
    return compileRegex(text)
  } catch (error) {
    cmd.fail(
      `Regular expression could not be compiled.\n${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

export const wsgiImportScript = directive({
  name: 'WSGIImportScript',
  syntax: 'file-path process-group=name application-group=name',
  contexts: ['server', 'vhost'],
  help: 'Location of WSGI import script.',
  ...raw((cmd: Command, text) => {
    const script = takeWord(text, 0)
    if (script === undefined || script.word === '') cmd.fail('Location of import script not supplied.')
    const options = readOptions(cmd, text, script.next, 'import script', [
      'process-group',
      'application-group',
    ])
    if (options.applicationGroup === undefined) cmd.fail('Name of WSGI application group required.')
    if (options.processGroup === undefined) cmd.fail('Name of WSGI process group required.')
    addImport(cmd, cmd.resolve(script.word), options.processGroup, options.applicationGroup)
  }),
})

/** Notes a script to load at process start, after the checks of order and visibility (release 3.0, change 2). */
function addImport(cmd: Command, script: string, processGroup: GroupName, applicationGroup: GroupName): void {
  const main = cmd.main.draft(wsgiMain)
  if (processGroup !== GLOBAL && processGroup.kind === 'literal') {
    const group = (main.daemonGroups ?? []).find((daemon) => daemon.name === processGroup.name)
    if (group === undefined) {
      cmd.fail(
        `WSGI process group not yet configured.\nA WSGIDaemonProcess line for '${processGroup.name}' must come before this line.`,
      )
    }
    // A group of the main server is for everybody; one of a virtual host only for hosts of the same name, which `check` knows.
    if (group.serverIndex !== 0 && cmd.serverIndex === 0) {
      cmd.fail(
        `WSGI process group not accessible.\n'${group.name}' belongs to the virtual host on line ${group.at.line} of ${group.at.file}.`,
      )
    }
  }
  const entry: ImportScript = {
    script,
    processGroup,
    applicationGroup,
    serverIndex: cmd.serverIndex,
    at: cmd.at,
    directive: cmd.name,
  }
  main.imports = [...(main.imports ?? []), entry]
}

export const wsgiHandlerScript = directive({
  name: 'WSGIHandlerScript',
  syntax: 'name file-path [process-group=name] [application-group=name] [pass-authorization=On|Off]',
  contexts: ['server', 'vhost', 'directory'],
  help: 'Location of WSGI handler script file.',
  ...raw((cmd: Command, text) => {
    const name = takeWord(text, 0)
    if (name === undefined || name.word === '') cmd.fail('Name for handler script not supplied.')
    const script = takeWord(text, name.next)
    if (script === undefined || script.word === '') cmd.fail('Location of handler script not supplied.')
    const { callableObject: _, ...options } = readOptions(cmd, text, script.next, 'handler script', [
      'process-group',
      'application-group',
      'pass-authorization',
    ])
    const dir = cmd.dir.draft(wsgiDir)
    dir.handlerScripts = new Map(dir.handlerScripts).set(name.word, {
      ...options,
      script: cmd.resolve(script.word),
    })
  }),
})
