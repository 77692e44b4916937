/**
 * Where a request for a WSGI script goes: which file, which callable, which process and application group. Pure but for the request's variables.
 */

import { coreServer } from '../modules/core/settings.js'
import { type HandlerScript, type ScriptAlias, type WsgiDir, wsgiMain } from '../modules/wsgi/settings.js'
import type { Request } from '../request/request.js'
import type { PlaceKind } from './channel/types.js'
import { expandGroupName, type GroupName, type GroupNameFacts, parseGroupName } from './group-name.js'

export interface Target {
  readonly kind: Extract<PlaceKind, 'script' | 'handler'>
  /** The Python file that is executed, as the configuration names it. */
  readonly script: string
  readonly callable: string
  readonly processGroup: string
  readonly applicationGroup: string
  /** The client has a say in that name: see {@link isNamedByRequest}. */
  readonly isNamedByRequest: boolean
  readonly passAuthorization: boolean
}

/** What a dispatch script has chosen; written as in the configuration, and stronger than that. */
export interface Choice {
  readonly processGroup?: string
  readonly applicationGroup?: string
  readonly callableObject?: string
}

/**
 * @param handler The handler script that `WSGIHandlerScript` nominates for this request, undefined for an ordinary script.
 * @param scriptName SCRIPT_NAME of the request, slashes collapsed.
 */
export function resolveTarget(
  request: Request,
  dir: WsgiDir,
  alias: ScriptAlias | undefined,
  handler: HandlerScript | undefined,
  scriptName: string,
  choice: Choice = CONFIGURED,
): Target {
  const facts = new RequestFacts(request, alias, scriptName)
  const from = handler ?? alias
  const group = from?.applicationGroup ?? dir.applicationGroup
  return {
    kind: handler ? 'handler' : 'script',
    script: handler ? handler.script : request.filename,
    callable:
      choice.callableObject !== undefined
        ? callableName(undefined, choice.callableObject, facts)
        : handler
          ? 'handle_request'
          : callableName(alias?.callableObject, dir.callableObject, facts),
    processGroup: expand(chosen(choice.processGroup) ?? from?.processGroup ?? dir.processGroup, facts),
    applicationGroup: expand(chosen(choice.applicationGroup) ?? group, facts),
    isNamedByRequest: choice.applicationGroup !== undefined || isNamedByRequest(group, alias, handler),
    passAuthorization: from?.passAuthorization ?? dir.passAuthorization,
  }
}

const CONFIGURED: Choice = {}

function chosen(text: string | undefined): GroupName | undefined {
  return text === undefined ? undefined : parseGroupName(text)
}

/** An application group by name. */
export interface NamedGroup {
  readonly name: string
  readonly isNamedByRequest: boolean
}

/** The application group of a hook script in one request. */
export function hookGroup(request: Request, group: GroupName): NamedGroup {
  return {
    name: expand(group, new RequestFacts(request, undefined, '')),
    isNamedByRequest: isNamedByRequest(group, undefined, undefined),
  }
}

/**
 * Whether requests bring about ever new names of application groups. The names of servers and of mount points are counted by the configuration,
 * those of scripts in a directory by its files; handlers and patterns match URLs that nobody has counted. What a dispatch script says counts as
 * brought about by the request.
 */
function isNamedByRequest(
  group: GroupName,
  alias: ScriptAlias | undefined,
  handler: HandlerScript | undefined,
): boolean {
  switch (group.kind) {
    case 'literal':
    case 'server':
      return false
    case 'resource':
      return handler !== undefined || alias?.pattern !== undefined
    case 'host':
    case 'environment':
      return true
  }
}

function expand(name: GroupName, facts: GroupNameFacts): string {
  return name.kind === 'literal' ? name.name : expandGroupName(name, facts)
}

/** An alias names its callable literally; the directive knows `%{ENV:x}`, and takes anything else that begins with `%` for the default. */
function callableName(fromAlias: string | undefined, fromDirective: string, facts: GroupNameFacts): string {
  if (fromAlias !== undefined) return fromAlias
  if (!fromDirective.startsWith('%')) return fromDirective
  const variable = /^%\{ENV:(.*)\}$/s.exec(fromDirective)?.[1]
  return (variable !== undefined && facts.variable(variable)) || 'application'
}

class RequestFacts implements GroupNameFacts {
  constructor(
    private readonly request: Request,
    private readonly alias: ScriptAlias | undefined,
    private readonly scriptName: string,
  ) {}

  server(): string {
    const { serverName } = this.request.server.settings.get(coreServer)
    return (serverName?.host ?? '') + this.#port()
  }

  host(): string {
    return (
      (this.request.hostname || (this.request.server.settings.get(coreServer).serverName?.host ?? '')) +
      this.#port()
    )
  }

  resource(): string {
    const sensitive = this.request.server.settings.get(wsgiMain).caseSensitivity
    return `${this.server()}|${sensitive ? this.scriptName : this.scriptName.toLowerCase()}`
  }

  variable(name: string): string | undefined {
    return (
      this.request.notes.get(name) ??
      this.#aliasOption(name) ??
      this.request.env.get(name) ??
      process.env[name]
    )
  }

  /** The port of the server or of the listener, never the one the client wrote: clients must not be able to make interpreters. */
  #port(): string {
    const { serverPort } = this.request.server.settings.get(coreServer)
    const port = serverPort || this.request.connection.localPort
    return port === 80 || port === 443 ? '' : `:${port}`
  }

  /** mod_wsgi keeps the options of an alias as notes of the request, where `%{ENV:mod_wsgi.process_group}` finds them. */
  #aliasOption(name: string): string | undefined {
    if (this.alias === undefined || !name.startsWith('mod_wsgi.')) return undefined
    const option = {
      'mod_wsgi.process_group': this.alias.processGroup,
      'mod_wsgi.application_group': this.alias.applicationGroup,
    }[name]
    if (option?.kind === 'literal') return option.name
    return name === 'mod_wsgi.callable_object' ? this.alias.callableObject : undefined
  }
}
