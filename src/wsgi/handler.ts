/**
 * The handler phase for WSGI: the checks that mod_wsgi makes before any application runs, then over to the gateway.
 */
import { coreDir, hasOption, OPTION } from '../modules/core/settings.js'
import { hasOutputFilters } from '../modules/filter/settings.js'
import type { Outcome } from '../modules/module.js'
import {
  type HandlerScript,
  type ScriptAlias,
  type WsgiDir,
  wsgiDir,
  wsgiMain,
} from '../modules/wsgi/settings.js'
import type { Request } from '../request/request.js'
import type { BodyPlan } from './channel/types.js'
import { requestEnviron, scriptNameOf } from './environ.js'
import { type ResponseRules, WsgiExchange } from './exchange.js'
import { activeGateway, type RequestGateway } from './gateway.js'
import { dispatch } from './hooks/dispatch.js'
import { insideJail } from './jail.js'
import { ownershipFault } from './ownership.js'
import { placeOf } from './place.js'
import type { ProcessGroup } from './process-group.js'
import { planBody } from './request-body.js'
import { resolveTarget, type Target } from './target.js'
import { refusal } from './visibility.js'

/** Handler names that mean "run this file as a WSGI script"; `WSGIHandlerScript` cannot redefine them. */
const SCRIPT_HANDLERS = new Set(['wsgi-script', 'application/x-httpd-wsgi'])

/** Internal redirects and error override exist in daemon mode alone (release 3.0, features 13 and 14). */
const EMBEDDED_RULES: ResponseRules = { errorOverride: false, internalRedirect: false }
const DAEMON_RULES: ResponseRules = { errorOverride: false, internalRedirect: true }
const OVERRIDING_RULES: ResponseRules = { errorOverride: true, internalRedirect: true }

/** @param gatewayOf gives the gateway that runs it, asked for when there is a request to run */
export function handleWsgi(
  request: Request,
  gatewayOf: () => RequestGateway = activeGateway,
): Outcome | Promise<Outcome> {
  const name = request.handler ?? request.contentType
  if (name === undefined) return undefined
  const dir = request.dir.get(wsgiDir)
  const isScript = SCRIPT_HANDLERS.has(name)
  const handler = isScript ? undefined : dir.handlerScripts.get(name)
  if (!isScript && handler === undefined) return undefined

  const alias = isScript ? (request.translation as ScriptAlias | undefined) : undefined
  const refused = handler === undefined ? checkScript(request, alias !== undefined) : undefined
  if (refused !== undefined) return refused
  if (request.pathInfo !== '' && request.dir.get(coreDir).acceptPathInfo === 'Off') {
    return refuse(request, 404, `AcceptPathInfo off disallows user's path: ${request.filename}`)
  }
  const body = planBody(request, dir)
  if (body instanceof Promise)
    return body.then((plan) => proceed(request, dir, name, alias, handler, plan, gatewayOf()))
  return proceed(request, dir, name, alias, handler, body, gatewayOf())
}

function checkScript(request: Request, aliased: boolean): Outcome {
  if (!aliased && !hasOption(request.dir.get(coreDir), OPTION.ExecCGI)) {
    return refuse(request, 403, `WSGI0134: Options ExecCGI is off in this directory: ${request.filename}`)
  }
  if (request.finfo === undefined) {
    return refuse(
      request,
      404,
      `WSGI0135: Target WSGI script not found or unable to stat: ${request.filename}`,
    )
  }
  if (request.finfo.isDirectory()) {
    return refuse(
      request,
      403,
      `WSGI0136: Attempt to invoke directory as WSGI application: ${request.filename}`,
    )
  }
  return undefined
}

function refuse(request: Request, status: number, why: string): number {
  request.report('wsgi', 'error', why)
  return status
}

type Planned = Awaited<ReturnType<typeof planBody>>

function proceed(
  request: Request,
  dir: WsgiDir,
  name: string,
  alias: ScriptAlias | undefined,
  handler: HandlerScript | undefined,
  body: Planned,
  gateway: RequestGateway,
): Outcome | Promise<Outcome> {
  if ('refused' in body) return refuse(request, body.refused, body.why)
  const scriptName = scriptNameOf(request)
  const target = resolveTarget(request, dir, alias, handler, scriptName)
  const { dispatchScript } = dir
  if (dispatchScript !== undefined) {
    const configured = placeOf(request, dir, alias, name, target)
    const environ = requestEnviron(request, dir, methodFor(request, dir), scriptName)
    return dispatch(request, dispatchScript, configured, environ, gateway).then((choice) => {
      if (choice === undefined) return 500
      const chosen = resolveTarget(request, dir, alias, handler, scriptName, choice)
      return proceedTo(request, dir, name, alias, chosen, scriptName, body, gateway)
    })
  }
  return proceedTo(request, dir, name, alias, target, scriptName, body, gateway)
}

function proceedTo(
  request: Request,
  dir: WsgiDir,
  name: string,
  alias: ScriptAlias | undefined,
  target: Target,
  scriptName: string,
  body: BodyPlan,
  gateway: RequestGateway,
): Outcome {
  const problem = checkGroup(request, dir, target, gateway)
  if (problem !== undefined) return refuse(request, 500, problem)
  return run(request, dir, name, alias, target, scriptName, body, gateway)
}

/** mod_wsgi's rules on who may use which process group, in its order. */
function checkGroup(
  request: Request,
  dir: WsgiDir,
  target: Target,
  gateway: RequestGateway,
): string | undefined {
  const group = target.processGroup
  if (dir.restrictProcess !== undefined && !dir.restrictProcess.includes(group)) {
    return `WSGI0151: Daemon process called '${group}' cannot be accessed by this WSGI application: WSGIRestrictProcess does not list it`
  }
  if (group === '') {
    return request.server.settings.get(wsgiMain).restrictEmbedded
      ? 'WSGI0142: Embedded mode of mod_wsgi disabled by runtime configuration: WSGIRestrictEmbedded is On'
      : undefined
  }
  // Groups of the main server, the common case, are everybody's.
  if (gateway.groupOf(group)?.group.serverIndex === 0) return undefined
  const why = refusal(gateway.site, request.server, group)
  return why === undefined ? undefined : `WSGI0149: ${why}`
}

/** What `chroot`, `script-user` and `script-group` say about the file. */
function checkFiles(request: Request, target: Target, { group }: ProcessGroup): number | undefined {
  if (group.chroot !== undefined && insideJail(target.script, group.chroot) === undefined) {
    request.report(
      'wsgi',
      'crit',
      `WSGI script '${target.script}' is located outside of the chroot directory '${group.chroot}' of daemon process group '${group.name}'`,
    )
    return 500
  }
  const fault = ownershipFault(group, request.filename)
  return fault === undefined ? undefined : refuse(request, 403, `${fault}: ${request.filename}`)
}

/** From here on the exchange answers, at a later turn of the event loop: see {@link RequestGateway.settled}. */
function run(
  request: Request,
  dir: WsgiDir,
  name: string,
  alias: ScriptAlias | undefined,
  target: Target,
  scriptName: string,
  body: BodyPlan,
  gateway: RequestGateway,
): Outcome {
  const group = gateway.groupOf(target.processGroup)
  const refused = group?.guarded === true ? checkFiles(request, target, group) : undefined
  if (refused !== undefined) return refused
  const exchange = new WsgiExchange(
    request,
    placeOf(request, dir, alias, name, target, group?.group.chroot),
    target.applicationGroup,
    requestEnviron(request, dir, methodFor(request, dir), scriptName),
    body,
    rulesFor(target, dir, gateway),
    group,
    gateway,
  )
  exchange.isNamedByRequest = target.isNamedByRequest
  gateway.run(exchange, target.processGroup)
  return 'done'
}

function rulesFor(target: Target, dir: WsgiDir, gateway: RequestGateway): ResponseRules {
  if (target.processGroup === '' || !gateway.redirects) return EMBEDDED_RULES
  return dir.errorOverride ? OVERRIDING_RULES : DAEMON_RULES
}

/** `WSGIMapHEADToGET`: `Auto` shows HEAD as GET where a filter has to see the body to know the header that GET would get. */
function methodFor(request: Request, { mapHeadToGet }: WsgiDir): string {
  if (request.method !== 'HEAD') return request.method
  return mapHeadToGet === 'On' || (mapHeadToGet === 'Auto' && hasOutputFilters(request)) ? 'GET' : 'HEAD'
}
