/**
 * The directives that set up single interpreters: at the top level for all, in `<WSGIInterpreterOptions>` for some (mod_wsgi 6).
 */
import {
  type Command,
  type Directive,
  directive,
  type SectionCommand,
  section,
  take1,
} from '../../config/directive.js'
import { parseGroupName } from '../../wsgi/group-name.js'
import type { InterpreterOptions } from '../../wsgi/interpreter-options.js'
import { OptionSyntaxError, parseOptions } from '../../wsgi/options.js'
import { onOff } from './flags.js'
import { wsgiMain } from './settings.js'

type Draft = { -readonly [K in keyof InterpreterOptions]?: InterpreterOptions[K] }

const CONTAINER = '<WSGIInterpreterOptions'

/** What a directive sets: the options of the container around it, else those of every interpreter. */
function optionsOf(cmd: Command): Draft {
  const around = cmd.enclosing[0]
  return around?.name === CONTAINER ? (around.data as Draft) : cmd.main.draft(wsgiMain)
}

function flagFor(
  name: string,
  property: 'perInterpreterGil' | 'freeThreading' | 'restrictStdin' | 'restrictStdout' | 'restrictSignal',
  byDefault: boolean,
  help: string,
): Directive {
  return directive({
    name,
    syntax: 'On|Off',
    contexts: ['server'],
    default: byDefault ? 'On' : 'Off',
    help,
    ...onOff((cmd, on) => {
      optionsOf(cmd)[property] = on
    }),
  })
}

const forInterpreters: readonly Directive[] = [
  directive({
    name: 'WSGIPythonPath',
    syntax: 'directory[:directory ...]',
    contexts: ['server'],
    help: 'Directories added to the front of the Python module path of embedded processes; inside <WSGIInterpreterOptions>, of those interpreters.',
    ...take1((cmd: Command, value) => {
      optionsOf(cmd).pythonPath = value.split(':').filter(Boolean)
    }),
  }),
  directive({
    name: 'WSGISwitchInterval',
    syntax: 'seconds',
    contexts: ['server'],
    help: 'How long a Python thread may run before it is asked to let others run.',
    ...take1((cmd: Command, value) => {
      if (!(Number(value) > 0)) cmd.fail('WSGISwitchInterval must be a positive number of seconds.')
      optionsOf(cmd).switchInterval = Number(value)
    }),
  }),
  flagFor(
    'WSGIPerInterpreterGIL',
    'perInterpreterGil',
    false,
    'Give sub-interpreters a lock of their own, so that they run at the same time (Python 3.12 and later).',
  ),
  flagFor('WSGIFreeThreading', 'freeThreading', false, 'Run without GIL on a free-threaded build of Python.'),
  flagFor('WSGIRestrictStdin', 'restrictStdin', false, 'Make any use of sys.stdin an error.'),
  flagFor('WSGIRestrictStdout', 'restrictStdout', false, 'Make any use of sys.stdout an error.'),
  flagFor('WSGIRestrictSignal', 'restrictSignal', true, 'Ignore signal handlers that applications register.'),
]

const SELECTORS = { 'process-group': 'processGroup', 'application-group': 'applicationGroup' } as const

/** `<WSGIInterpreterOptions process-group=… application-group=…>`. */
export const interpreterOptionsSection = section({
  name: CONTAINER,
  syntax: '[process-group=name] [application-group=name]>',
  contexts: ['server'],
  help: 'Settings of some interpreters alone.',
  open(cmd: SectionCommand, text) {
    const selected: { processGroup?: string; applicationGroup?: string } = {}
    for (const [name, value] of selectors(cmd, text)) {
      const key = SELECTORS[name.toLowerCase() as keyof typeof SELECTORS]
      if (key === undefined)
        cmd.fail(`${CONTAINER}> has no option '${name}'.\nThere are process-group= and application-group=.`)
      if (selected[key] !== undefined) cmd.fail(`${CONTAINER}>: ${name} is given twice.`)
      const group = parseGroupName(value)
      if (group.kind !== 'literal')
        cmd.fail(`${CONTAINER}>: ${value} depends on the request.\nA name or %{GLOBAL} is needed here.`)
      selected[key] = group.name
    }
    const options: Draft = {}
    return {
      data: options,
      only: forInterpreters.map(({ name }) => name),
      close() {
        const main = cmd.main.draft(wsgiMain)
        main.interpreterLayers = [...(main.interpreterLayers ?? []), { ...selected, options, at: cmd.at }]
        if (options.freeThreading !== undefined && selected.applicationGroup !== undefined)
          cmd.warn(
            'WSGI0201: WSGIFreeThreading holds for whole processes: it is ignored where application-group= is given.',
          )
      },
    }
  },
})

function selectors(cmd: Command, text: string): [string, string][] {
  try {
    return parseOptions(text, 0)
  } catch (error) {
    if (error instanceof OptionSyntaxError) cmd.fail(`${CONTAINER}>: ${error.message}.`)
    throw error
  }
}

export const interpreterDirectives: readonly Directive[] = [
  ...forInterpreters,
  directive({
    name: 'WSGIDestroyInterpreter',
    syntax: 'On|Off',
    contexts: ['server'],
    default: 'On',
    help: 'Whether atexit functions run and threads are joined when a process ends.',
    ...onOff((cmd, on) => {
      cmd.main.draft(wsgiMain).destroyInterpreter = on
    }),
  }),
  directive({
    name: 'WSGIHttpdApplicationGroupLimit',
    syntax: 'number',
    contexts: ['server'],
    default: '32',
    help: 'How many application groups a process may have whose names requests bring about (%{HOST}, %{ENV:…}).',
    ...take1((cmd: Command, value) => {
      if (!/^\d{1,6}$/.test(value)) cmd.fail(`${cmd.name} must be a number, 0 or greater.`)
      cmd.main.draft(wsgiMain).applicationGroupLimit = Number(value)
    }),
  }),
]
