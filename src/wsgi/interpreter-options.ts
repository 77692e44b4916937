/**
 * What single interpreters are set up with: the top level's settings, and over them the `<WSGIInterpreterOptions>` containers that name the
 * interpreter's process group, application group or both. The layers for a process are found here; which of them hold for an application
 * group, the runtime finds when it makes the interpreter (`runtime/_wsgi_httpd/options.py`). Pure.
 * Rules: https://modwsgi.readthedocs.io/en/master/configuration-directives/WSGIInterpreterOptions.html
 */
import type { Position } from '../config/position.js'
import { textOf } from '../config/text.js'
import type { WsgiMain } from '../modules/wsgi/settings.js'

export interface InterpreterOptions {
  readonly pythonPath?: readonly string[]
  /** Seconds. */
  readonly switchInterval?: number | undefined
  readonly perInterpreterGil?: boolean
  readonly freeThreading?: boolean
  readonly restrictStdin?: boolean
  readonly restrictStdout?: boolean
  readonly restrictSignal?: boolean
}

/** One container. A selector that is absent fits every group. */
export interface InterpreterLayer {
  readonly processGroup?: string
  readonly applicationGroup?: string
  readonly options: InterpreterOptions
  readonly at: Position
}

/** A layer as the runtime gets it. */
export interface RuntimeLayer {
  /** null: every interpreter of the process. */
  readonly application_group: string | null
  readonly options: Readonly<Record<string, unknown>>
}

/** The layers for a process of that group (`''`: embedded), the most specific last; among equals the later one is last. */
export function layersFor(layers: readonly InterpreterLayer[], processGroup: string): RuntimeLayer[] {
  const rank = (layer: InterpreterLayer) =>
    Number(layer.processGroup !== undefined) + Number(layer.applicationGroup !== undefined)
  return layers
    .filter((layer) => layer.processGroup === undefined || layer.processGroup === processGroup)
    .sort((a, b) => rank(a) - rank(b))
    .map(({ applicationGroup, options }) => ({
      application_group: applicationGroup ?? null,
      options: {
        python_path: options.pythonPath?.map(textOf),
        switch_interval: options.switchInterval,
        per_interpreter_gil: options.perInterpreterGil,
        restrict_stdin: options.restrictStdin,
        restrict_stdout: options.restrictStdout,
        restrict_signal: options.restrictSignal,
      },
    }))
}

/** Whether processes of that group run without GIL, where their Python can: containers that name an application group do not count. */
export function isFreeThreaded(
  layers: readonly InterpreterLayer[],
  processGroup: string,
  byDefault: boolean,
): boolean {
  const fitting = layers.filter(
    (layer) =>
      layer.applicationGroup === undefined &&
      layer.options.freeThreading !== undefined &&
      (layer.processGroup === undefined || layer.processGroup === processGroup),
  )
  const named = fitting.findLast((layer) => layer.processGroup !== undefined) ?? fitting.at(-1)
  return named?.options.freeThreading ?? byDefault
}

/** What both kinds of processes of a group are told about their interpreters. */
export function interpreterSettings(wsgi: WsgiMain, processGroup: string) {
  return {
    restrict_stdin: wsgi.restrictStdin,
    restrict_stdout: wsgi.restrictStdout,
    restrict_signal: wsgi.restrictSignal,
    py3k_warning: wsgi.py3kWarningFlag,
    per_interpreter_gil: wsgi.perInterpreterGil,
    free_threading: isFreeThreaded(wsgi.interpreterLayers, processGroup, wsgi.freeThreading),
    interpreter_layers: layersFor(wsgi.interpreterLayers, processGroup),
    destroy_interpreter: wsgi.destroyInterpreter,
    application_group_limit: wsgi.applicationGroupLimit,
    telemetry: telemetryOf(wsgi),
  }
}

/** `WSGITelemetryService` and what goes with it; null where nothing is sent. */
function telemetryOf({ telemetry, slowRequests, telemetryOptions }: WsgiMain) {
  if (telemetry === undefined) return null
  return {
    ...telemetry,
    slow: slowRequests ?? null,
    user_agent: telemetryOptions.includes('CaptureUserAgent'),
  }
}
