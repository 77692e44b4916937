/**
 * httpd's command-line flags: the table of them, and from words to an {@link Invocation}. Pure; carried out in httpd.ts.
 * https://httpd.apache.org/docs/2.4/programs/httpd.html
 */
import { LEVELS, type Level } from '../log/error-log.js'
import { isCommand } from './commands.js'
import { UsageError } from './usage-error.js'

export const CONTROLS = ['start', 'restart', 'graceful', 'graceful-stop', 'stop', 'reopen-logs'] as const
export type Control = (typeof CONTROLS)[number]

/** What one call of the program is to do. */
export type Action =
  | { readonly kind: 'control'; readonly control: Control }
  /** `-t`. */
  | { readonly kind: 'check' }
  /** `-S`, `-M` and `-D DUMP_…`; which of them stands in {@link Invocation.defines}. */
  | { readonly kind: 'dump' }
  | { readonly kind: 'help' | 'version' | 'settings' | 'modules' | 'directives' }

export interface Invocation {
  readonly action: Action
  /** All words as typed, for the log. */
  readonly words: readonly string[]
  /** `-d`, as typed. */
  readonly serverRoot: string | undefined
  /** `-f`, as typed. */
  readonly configFile: string | undefined
  /** `-D` names in order; `NAME=value` is kept as typed. */
  readonly defines: readonly string[]
  /** `-C`: directives processed before the configuration file. */
  readonly before: readonly string[]
  /** `-c`: directives processed after it. */
  readonly after: readonly string[]
  /** `-e`. */
  readonly startupLevel: Level | undefined
  /** `-E`, as typed. */
  readonly startupLog: string | undefined
  /** `-X`: one server process, in the foreground. */
  readonly debug: boolean
  /** False after `-T`: missing document roots are no concern. */
  readonly checkDocumentRoots: boolean
}

type Draft = { -readonly [K in keyof Invocation]: Invocation[K] } & {
  defines: string[]
  before: string[]
  after: string[]
}

interface Flag {
  readonly letter: string
  /** What the help calls its argument; absent: it takes none. */
  readonly argument?: string
  readonly help: string
  readonly set: (draft: Draft, word: string) => void
}

/** Every flag, in the order of the help page. */
export const FLAGS: readonly Flag[] = [
  {
    letter: 'f',
    argument: 'file',
    help: 'the configuration file; a relative name is under -d (default: conf/httpd.conf there)',
    set: (draft, word) => {
      draft.configFile = word
    },
  },
  {
    letter: 'd',
    argument: 'directory',
    help: 'the initial ServerRoot (default: where the configuration file is)',
    set: (draft, word) => {
      draft.serverRoot = word
    },
  },
  {
    letter: 'D',
    argument: 'name',
    help: 'defines a name for <IfDefine name>; FOREGROUND keeps the terminal, NO_DETACH the process group',
    set: (draft, word) => {
      draft.defines.push(word)
      if (word.startsWith('DUMP_')) draft.action = { kind: 'dump' }
    },
  },
  {
    letter: 'C',
    argument: '"directive"',
    help: 'processes a directive before the configuration file',
    set: (draft, word) => draft.before.push(word),
  },
  {
    letter: 'c',
    argument: '"directive"',
    help: 'processes a directive after the configuration file',
    set: (draft, word) => draft.after.push(word),
  },
  {
    letter: 'k',
    argument: CONTROLS.join('|'),
    help: 'starts the server, or controls the one that runs with this configuration (default: start)',
    set: (draft, word) => {
      const control = CONTROLS.find((one) => one === word)
      if (control === undefined) throw new UsageError(`-k takes one of ${CONTROLS.join(', ')}, not '${word}'`)
      draft.action = { kind: 'control', control }
    },
  },
  {
    letter: 't',
    help: 'checks the configuration: "Syntax OK" or what is wrong where',
    set: (draft) => {
      if (draft.action.kind !== 'dump') draft.action = { kind: 'check' }
    },
  },
  {
    letter: 'S',
    help: 'shows virtual hosts and run settings (as -D DUMP_VHOSTS -D DUMP_RUN_CFG)',
    set: (draft) => {
      draft.defines.push('DUMP_VHOSTS', 'DUMP_RUN_CFG')
      draft.action = { kind: 'dump' }
    },
  },
  {
    letter: 'M',
    help: 'shows the modules in use (as -D DUMP_MODULES)',
    set: (draft) => {
      draft.defines.push('DUMP_MODULES')
      draft.action = { kind: 'dump' }
    },
  },
  { letter: 'l', help: 'lists the modules of this program', set: act('modules') },
  { letter: 'L', help: 'lists all directives with their contexts', set: act('directives') },
  { letter: 'v', help: 'shows the version (also --version)', set: act('version') },
  { letter: 'V', help: 'shows the version and the settings of this build', set: act('settings') },
  {
    letter: 'e',
    argument: 'level',
    help: 'shows only messages of this level and above while checking (see LogLevel)',
    set: (draft, word) => {
      const level = LEVELS.find((one) => one === word.toLowerCase())
      if (level === undefined) throw new UsageError(`-e takes a level (${LEVELS.join(', ')}), not '${word}'`)
      draft.startupLevel = level
    },
  },
  {
    letter: 'E',
    argument: 'file',
    help: 'writes messages of the start to this file',
    set: (draft, word) => {
      draft.startupLog = word
    },
  },
  {
    letter: 'X',
    help: 'one server process, in the foreground, for debugging',
    set: (draft) => {
      draft.debug = true
    },
  },
  {
    letter: 'T',
    help: 'says nothing of missing document roots while checking',
    set: (draft) => {
      draft.checkDocumentRoots = false
    },
  },
  { letter: 'h', help: 'shows this page (also --help)', set: act('help') },
]

function act(kind: 'modules' | 'directives' | 'version' | 'settings' | 'help'): Flag['set'] {
  return (draft) => {
    draft.action = { kind }
  }
}

const BY_LETTER = new Map(FLAGS.map((flag) => [flag.letter, flag]))

/**
 * Reads flags as getopt does: letters may be joined (`-tS`), an argument may follow at once (`-DFOREGROUND`) or as the next word.
 * @throws UsageError for an unknown flag, a missing argument, or a word that is no flag.
 */
export function parseFlags(words: readonly string[]): Invocation {
  const draft: Draft = {
    action: { kind: 'control', control: 'start' },
    words,
    serverRoot: undefined,
    configFile: undefined,
    defines: [],
    before: [],
    after: [],
    startupLevel: undefined,
    startupLog: undefined,
    debug: false,
    checkDocumentRoots: true,
  }
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string
    if (word === '--help') {
      draft.action = { kind: 'help' }
      continue
    }
    if (word === '--version') {
      draft.action = { kind: 'version' }
      continue
    }
    if (word.startsWith('--')) throw new UsageError(`unknown option ${word}`)
    if (!word.startsWith('-') || word === '-') throw new UsageError(unexpected(word))
    for (let letter = 1; letter < word.length; letter++) {
      const flag = BY_LETTER.get(word[letter] as string)
      if (flag === undefined) throw new UsageError(`illegal option -- ${word[letter]}`)
      if (flag.argument === undefined) {
        flag.set(draft, '')
        continue
      }
      const argument = word.slice(letter + 1) || words[++at]
      if (argument === undefined) throw new UsageError(`option requires an argument -- ${flag.letter}`)
      flag.set(draft, argument)
      break
    }
  }
  return draft
}

function unexpected(word: string): string {
  const text = `unexpected word '${word}'`
  return isCommand(word) ? `${text}: a command stands before all flags` : text
}
