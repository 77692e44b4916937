/**
 * The phases of a request as one list of functions, compiled once from the modules, and the loop that runs it. The loop stays synchronous
 * until a hook answers with a promise.
 * Order and rules: src/modules/module.ts; httpd's ap_process_request_internal.
 */
import type { Settings } from '../config/settings.js'
import type { ServerConfig } from '../config/site.js'
import { accessCompatDir, satisfiesAny } from '../modules/access-compat.js'
import { chooserOf } from '../modules/filter.js'
import type { AnyKey, EarlyPhase, Hook, HttpdModule, Outcome } from '../modules/module.js'
import {
  defaultHandler,
  mapToStorage,
  normalizeUrl,
  overrideType,
  refuseUnknownHandler,
  translateToDocumentRoot,
} from './core-hooks.js'
import type { ChooseFilter } from './output-filter.js'
import type { Dispatch, Request } from './request.js'

/** Made once per list of modules. */
export interface PhaseTable {
  /** Every hook of every phase up to the handlers, in order. */
  readonly hooks: readonly Hook[]
  /** Settings of which one must be set for the hook to have anything to do, by hook. */
  readonly needs: readonly (readonly AnyKey[] | undefined)[]
  /** Where to go on after `'ok'`, by hook. */
  readonly onOk: readonly number[]
  /** Index of the first hook after postReadRequest: where look-ups begin. */
  readonly url: number
  /** Index of the walks: where look-ups of files begin. */
  readonly storage: number
  /** Index of the first handler: where look-ups end. */
  readonly handlers: number
  /** The hooks of checkAccess: [from, to). */
  readonly access: readonly [from: number, to: number]
  readonly responseHeaders: readonly ((request: Request) => void)[]
  /** Chooses what a response's body runs through. */
  readonly outputFilter: ChooseFilter
  readonly logTransaction: readonly ((request: Request) => void)[]
  /** Whoever answers in place of error pages; `page` sends the page after all. */
  readonly answerError?: (request: Request, status: number, page: () => void) => void
  /** What modules are given to look other URLs up. */
  readonly dispatch: Dispatch
}

/** A hook with what it needs. */
interface Placed {
  readonly hook: Hook
  readonly needs?: readonly AnyKey[] | undefined
}

/** @param modules in the order in which their hooks run. */
export function compilePhases(modules: readonly HttpdModule[], dispatch: Dispatch): PhaseTable {
  const hooks: Hook[] = []
  const needs: PhaseTable['needs'][number][] = []
  const onOk: number[] = []
  const of = (phase: EarlyPhase): Placed[] =>
    modules.flatMap((module) => {
      const hook = module.hooks?.[phase]
      return hook === undefined ? [] : { hook, needs: module.needs?.[phase] }
    })
  /** Adds a phase; `next` is where `'ok'` leads: the next hook, or past the phase. */
  const add = (added: readonly Placed[], mode: 'all' | 'first'): [number, number] => {
    const from = hooks.length
    const to = from + added.length
    added.forEach((placed, at) => {
      hooks.push(placed.hook)
      needs.push(placed.needs)
      onOk.push(mode === 'all' ? from + at + 1 : to)
    })
    return [from, to]
  }

  add(of('postReadRequest'), 'all')
  const url = hooks.length
  add([{ hook: normalizeUrl }], 'all')
  add([...of('translateName'), { hook: translateToDocumentRoot }], 'first')
  const [storage] = add([{ hook: mapToStorage }], 'all')
  add(of('headerParser'), 'all')
  const [same] = add([{ hook: checkedBefore }], 'first') as [number, number]
  const access = add(of('checkAccess'), 'all')
  const [anyOf] =
    access[0] < access[1] ? add([{ hook: passedIsEnough, needs: [accessCompatDir] }], 'all') : [undefined]
  const early = add(of('checkAccessEx'), 'first')
  if (early[0] < early[1]) {
    add([...of('checkUser'), { hook: nobodyAuthenticates }], 'first')
    add([...of('checkAuth'), { hook: nobodyAuthorizes }], 'first')
  }
  const typeChecker = hooks.length
  onOk[same] = typeChecker
  if (anyOf !== undefined) onOk[anyOf] = typeChecker
  for (let at = early[0]; at < early[1]; at++) onOk[at] = typeChecker
  add(of('typeChecker'), 'first')
  add([{ hook: overrideType }, ...of('fixups')], 'all')
  const handlers = hooks.length
  add([...of('handler'), { hook: refuseUnknownHandler }, { hook: defaultHandler }], 'first')

  return {
    hooks,
    needs,
    onOk,
    url,
    storage,
    handlers,
    access,
    responseHeaders: modules.flatMap((module) => module.hooks?.responseHeaders ?? []),
    outputFilter: chooserOf(modules.flatMap((module) => module.filters ?? [])),
    logTransaction: modules.flatMap((module) => module.hooks?.logTransaction ?? []),
    dispatch,
  }
}

/**
 * A look-up or an internal redirect to where the very same settings hold is not asked again who the client is, and whether he may. So the
 * error document of a protected place can be shown to who is refused; but a name that was given and not proved is not handed on to it.
 */
function checkedBefore(request: Request): Outcome {
  const from = request.prev ?? request.main
  if (from === undefined || from.dir !== request.dir) return undefined
  if (from.status !== 401) {
    request.user = from.user
    request.authType = from.authType
  }
  return 'ok'
}

/** Under `Satisfy Any`, who passed checkAccess need not pass the rest. */
function passedIsEnough(request: Request): Outcome {
  return satisfiesAny(request) ? 'ok' : undefined
}

function nobodyAuthenticates(request: Request): Outcome {
  request.report(
    'core',
    'error',
    `No authentication done but request not allowed without authentication for ${request.path}. Authentication not configured?`,
    'AH00027',
  )
  return 500
}

function nobodyAuthorizes(request: Request): Outcome {
  request.report('core', 'error', `No module says whether this user may have ${request.path}`, 'AH00025')
  return 500
}

/** Which hooks have anything to do where some settings hold. */
class Plan {
  /** For each hook, the first from there on that has; one more for the end. */
  readonly next: readonly number[]

  constructor(
    readonly table: PhaseTable,
    readonly server: ServerConfig,
    dir: Settings,
  ) {
    const isSet = (key: AnyKey): boolean => dir.has(key) || server.settings.has(key)
    let following = table.hooks.length
    const next = new Array<number>(following + 1).fill(following)
    for (let at = following - 1; at >= 0; at--) {
      const needs = table.needs[at]
      if (needs === undefined || needs.some(isSet)) following = at
      next[at] = following
    }
    this.next = next
  }
}

/** Made when the first request comes by, and kept with the settings. */
function planOf(table: PhaseTable, { dir, server }: Request): readonly number[] {
  const known = dir.plan as Plan | undefined
  if (known !== undefined && known.table === table && known.server === server) return known.next
  const made = new Plan(table, server, dir)
  dir.plan = made
  return made.next
}

/** Runs hooks `[from, to)`. What it returns ends the request; undefined: all have run. A hook that throws counts as 500. */
export function runPhases(
  table: PhaseTable,
  request: Request,
  from: number,
  to: number,
): Outcome | Promise<Outcome> {
  let { dir } = request
  let next = planOf(table, request)
  let at = next[from] as number
  while (at < to) {
    let outcome: Outcome | Promise<Outcome>
    try {
      outcome = (table.hooks[at] as Hook)(request)
    } catch (error) {
      return failed(request, error)
    }
    if (typeof outcome === 'object') return resume(table, request, at, to, outcome)
    at = nextHook(table, request, at, outcome)
    if (at < 0) return outcome
    if (request.dir !== dir) {
      dir = request.dir
      next = planOf(table, request)
    }
    at = next[at] as number
  }
  return undefined
}

async function resume(
  table: PhaseTable,
  request: Request,
  at: number,
  to: number,
  pending: Promise<Outcome>,
): Promise<Outcome> {
  let outcome: Outcome
  try {
    outcome = await pending
  } catch (error) {
    return failed(request, error)
  }
  const next = nextHook(table, request, at, outcome)
  return next < 0 ? outcome : runPhases(table, request, next, to)
}

/** The hook after this one, -1 where the outcome ends the request. */
function nextHook(table: PhaseTable, request: Request, at: number, outcome: Outcome): number {
  if (outcome === undefined) return at + 1
  if (outcome === 'ok') return table.onOk[at] as number
  const [from, to] = table.access
  // Under `Satisfy Any`, who was refused here may still pass as a user. `to` holds the hook that asks whether passing is enough.
  if (at >= from && at < to && outcome !== 'done' && satisfiesAny(request)) return to + 1
  return -1
}

/** A fault of ours or of a module: logged with its stack, answered 500, never the end of the process. */
function failed(request: Request, error: unknown): number {
  request.report(
    'core',
    'error',
    `Internal fault while handling ${request.target}: ${stackOf(error)}`,
    'WSGH0001',
  )
  return 500
}

export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
