/**
 * mod_deflate: the output filter `DEFLATE`, which compresses responses with gzip for clients that take it.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_deflate.html
 */

import { promisify } from 'node:util'
import { constants, createGzip, gzip } from 'node:zlib'
import { directive, take1 } from '../config/directive.js'
import { settingsKey } from '../config/settings.js'
import type { OutputFilter } from '../request/output-filter.js'
import { lazily } from '../system/lazily.js'
import { type AlterETag, takeOn } from './compress/eligible.js'
import { type FilterNotes, noteDirective, writeNotes } from './compress/notes.js'
import type { HttpdModule } from './module.js'

interface DeflateServer {
  /** 1 (fast) to 9 (small); -1: zlib's own choice. */
  readonly compressionLevel: number
  readonly memLevel: number
  /** Bits. */
  readonly windowSize: number
  /** Bytes compressed at a time. */
  readonly bufferSize: number
  readonly alterETag: AlterETag
  readonly notes: FilterNotes
}

export const deflateServer = settingsKey<DeflateServer>('deflate', {
  compressionLevel: -1,
  memLevel: 9,
  windowSize: 15,
  bufferSize: 8096,
  alterETag: 'AddSuffix',
  notes: {},
})

const SERVER = { contexts: ['server', 'vhost'] } as const

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
  noteDirective('DeflateFilterNote', (cmd, kind, note) => {
    const draft = cmd.server.draft(deflateServer)
    draft.notes = { ...draft.notes, [kind]: note }
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

const compressWhole = lazily(() => promisify(gzip))

const filter: OutputFilter = {
  name: 'DEFLATE',
  begin: (request, length) => {
    const settings = request.server.settings.get(deflateServer)
    const { alterETag } = settings
    if (!takeOn(request, length, { token: 'gzip', offVariable: 'no-gzip', alterETag })) return undefined
    const options = {
      level: settings.compressionLevel,
      memLevel: settings.memLevel,
      // zlib has no window of 8 bits for gzip
      windowBits: Math.max(settings.windowSize, 9),
    }
    const stream = createGzip(options)
    return {
      stream,
      flush: () => stream.flush(constants.Z_SYNC_FLUSH),
      whole: (body) => compressWhole()(body, options),
      ended: (input, output) => writeNotes(request, settings.notes, input, output),
    }
  },
}

export const deflate = {
  id: 'deflate_module',
  source: 'mod_deflate.c',
  directives,
  filters: [filter],
} satisfies HttpdModule
