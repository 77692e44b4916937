/**
 * Modules for tests of the language itself: a directive of each shape, that notes what it was given.
 */
import {
  argv,
  type Command,
  type Directive,
  directive,
  flag,
  iterate,
  iterate2,
  none,
  raw,
  section,
  take,
  take1,
  take2,
  take12,
} from '../../src/config/directive.js'
import { settingsKey } from '../../src/config/settings.js'
import { wsgiHttpd } from '../../src/modules/elsewhere.js'
import { coreLanguage, macro, so, version } from '../../src/modules/language.js'
import type { HttpdModule } from '../../src/modules/module.js'

/** What directives noted, in order; an inner scope's notes come after the outer one's. */
export const notes = settingsKey<{ readonly list: readonly string[] }>(
  'notes',
  { list: [] },
  (base, added) => ({
    list: [...(base.list ?? []), ...(added.list ?? [])],
  }),
)

function note(cmd: Command, words: readonly unknown[]): void {
  const scope =
    cmd.context === 'directory' || cmd.context === 'htaccess' || cmd.name.startsWith('D')
      ? cmd.dir
      : cmd.server
  const draft = scope.draft(notes)
  draft.list = [...(draft.list ?? []), [cmd.name, ...words.map((word) => `[${word}]`)].join(' ')]
}

const ANYWHERE = ['server', 'vhost', 'directory', 'htaccess'] as const

function sample(
  name: string,
  shape: Pick<Directive, 'args' | 'apply'>,
  contexts: Directive['contexts'] = ANYWHERE,
): Directive {
  return directive({ name, syntax: '…', contexts, help: `help of ${name}`, ...shape })
}

/** `None`, `One`, … by the number of words; names that start with `D` set directory-scope notes. */
export const sampleModule = {
  id: 'sample_module',
  source: 'mod_sample.c',
  directives: [
    sample(
      'None',
      none((cmd) => note(cmd, [])),
    ),
    sample(
      'Flag',
      flag((cmd, on) => note(cmd, [on])),
    ),
    sample(
      'One',
      take1((cmd, word) => note(cmd, [word])),
    ),
    sample(
      'OneTwo',
      take12((cmd, one, two) => note(cmd, two === undefined ? [one] : [one, two])),
    ),
    sample(
      'Two',
      take2((cmd, one, two) => note(cmd, [one, two])),
    ),
    sample('TwoThree', take([2, 3], note)),
    sample('OneThree', take([1, 3], note)),
    sample('Several', iterate(note)),
    sample(
      'FirstAndMore',
      iterate2((cmd, first, rest) => note(cmd, [first, ...rest])),
    ),
    sample('Any', argv(note)),
    sample(
      'Raw',
      raw((cmd, text) => note(cmd, [text])),
    ),
    sample(
      'DirNote',
      take1((cmd, word) => note(cmd, [word])),
    ),
    sample(
      'ServerOnly',
      take1((cmd, word) => note(cmd, [word])),
      ['server'],
    ),
    sample(
      'HostOnly',
      take1((cmd, word) => note(cmd, [word])),
      ['server', 'vhost'],
    ),
    sample(
      'PlaceOnly',
      take1((cmd, word) => note(cmd, [word])),
      ['directory', 'htaccess'],
    ),
    sample(
      'Wrong',
      take1((cmd, word) => cmd.fail(`Wrong is always wrong: ${word}`)),
    ),
    section({
      name: '<VirtualHost',
      syntax: 'name>',
      contexts: ['server'],
      help: 'a host',
      open: (cmd, text) => {
        cmd.addVirtualHost([{ host: text, port: 80 }])
        return {}
      },
    }),
    ...(['Directory', 'DirectoryMatch', 'Files', 'Location', 'If'] as const).map((kind) =>
      section({
        name: `<${kind}`,
        syntax: 'pattern>',
        contexts: kind === 'Files' || kind === 'If' ? ANYWHERE : ['server', 'vhost'],
        help: 'a place',
        open: (cmd, text) => {
          if (text === '') cmd.fail(`${cmd.name}> directive requires additional arguments`)
          const [pattern = ''] = cmd.words(text)
          const depth = pattern.split('/').filter(Boolean).length
          return { dir: cmd.addSection({ kind, pattern, depth, matches: (place) => place === pattern }) }
        },
      }),
    ),
    section({
      name: '<Group',
      syntax: '>',
      contexts: ['directory'],
      help: 'a container without settings of its own',
      open: (cmd) => ({
        data: 'group',
        close: () => note(cmd, ['closed']),
      }),
    }),
  ],
} satisfies HttpdModule

export const sampleModules: readonly HttpdModule[] = [
  { id: 'core_module', source: 'core.c', directives: coreLanguage },
  so,
  version,
  macro,
  wsgiHttpd,
  sampleModule,
]
