/**
 * mod_deflate: how responses are compressed. They are not compressed yet: the directives are checked and kept.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_deflate.html
 */
import { directive, take1, take12 } from '../config/directive.js'
import { settingsKey } from '../config/settings.js'
import { NO_FILTERS } from './filter.js'
import type { HttpdModule } from './module.js'

interface DeflateServer {
  /** 1 (fast) to 9 (small); -1: zlib's own choice. */
  readonly compressionLevel: number
  readonly memLevel: number
  /** Bits. */
  readonly windowSize: number
  /** Bytes compressed at a time. */
  readonly bufferSize: number
  readonly alterETag: 'AddSuffix' | 'NoChange' | 'Remove'
  /** Notes that take what went in, what came out and how they compare. */
  readonly notes: Readonly<Partial<Record<'Input' | 'Output' | 'Ratio', string>>>
}

export const deflateServer = settingsKey<DeflateServer>('deflate', {
  compressionLevel: -1,
  memLevel: 9,
  windowSize: 15,
  bufferSize: 8096,
  alterETag: 'AddSuffix',
  notes: {},
})

const SERVER = { contexts: ['server', 'vhost'], accepted: NO_FILTERS } as const

type NumberName = 'compressionLevel' | 'memLevel' | 'windowSize' | 'bufferSize'

/** Name, property, smallest and largest value, and httpd's texts. */
const NUMBERS: readonly (readonly [string, NumberName, number, number, string, string])[] = [
  [
    'DeflateCompressionLevel',
    'compressionLevel',
    1,
    9,
    'Set the Deflate Compression Level (1-9)',
    'Compression Level must be between 1 and 9',
  ],
  [
    'DeflateMemLevel',
    'memLevel',
    1,
    9,
    'Set the Deflate Memory Level (1-9)',
    'DeflateMemLevel must be between 1 and 9',
  ],
  [
    'DeflateWindowSize',
    'windowSize',
    1,
    15,
    'Set the Deflate window size (1-15)',
    'DeflateWindowSize must be between 1 and 15',
  ],
  [
    'DeflateBufferSize',
    'bufferSize',
    1,
    2 ** 31 - 1,
    'Set the Deflate Buffer Size',
    'DeflateBufferSize should be positive',
  ],
]

const directives = [
  ...NUMBERS.map(([name, property, least, most, help, complaint]) =>
    directive({
      name,
      syntax: 'number',
      ...SERVER,
      help,
      ...take1((cmd, word) => {
        const value = /^\d+$/.test(word) ? Number(word) : 0
        if (value < least || value > most) cmd.fail(complaint)
        cmd.server.draft(deflateServer)[property] = value
      }),
    }),
  ),
  directive({
    name: 'DeflateFilterNote',
    syntax: '[type] notename',
    ...SERVER,
    help: 'Set a note to report on compression ratio',
    ...take12((cmd, first, second) => {
      const kinds = ['Input', 'Output', 'Ratio'] as const
      const kind =
        second === undefined ? 'Ratio' : kinds.find((one) => one.toLowerCase() === first.toLowerCase())
      if (kind === undefined) return cmd.fail(`Unknown note type ${first}`)
      const draft = cmd.server.draft(deflateServer)
      draft.notes = { ...draft.notes, [kind]: second ?? first }
    }),
  }),
  directive({
    name: 'DeflateAlterETag',
    syntax: 'AddSuffix|NoChange|Remove',
    ...SERVER,
    default: 'AddSuffix',
    help: "Set how mod_deflate should modify ETag response headers: 'AddSuffix' (default), 'NoChange' (2.2.x behavior), 'Remove'",
    ...take1((cmd, word) => {
      const choices = ['AddSuffix', 'NoChange', 'Remove'] as const
      const choice = choices.find((one) => one.toLowerCase() === word.toLowerCase())
      cmd.server.draft(deflateServer).alterETag =
        choice ?? cmd.fail('DeflateAlterETag only accepts AddSuffix, NoChange or Remove')
    }),
  }),
]

export const deflate = {
  id: 'deflate_module',
  source: 'mod_deflate.c',
  directives,
} satisfies HttpdModule
