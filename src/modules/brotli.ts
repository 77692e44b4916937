/**
 * mod_brotli: the output filter `BROTLI_COMPRESS`.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_brotli.html
 */
import { promisify } from 'node:util'
import { brotliCompress, constants, createBrotliCompress } from 'node:zlib'
import { directive, take1 } from '../config/directive.js'
import { settingsKey } from '../config/settings.js'
import type { OutputFilter } from '../request/output-filter.js'
import { lazily } from '../system/lazily.js'
import { type AlterETag, takeOn } from './compress/eligible.js'
import { type FilterNotes, noteDirective, writeNotes } from './compress/notes.js'
import { oneOf } from './core/arguments.js'
import type { HttpdModule } from './module.js'

interface BrotliServer {
  /** 0 (fast) to 11 (small). */
  readonly quality: number
  /** Bits of the window. */
  readonly window: number
  /** Bits of the input block; 0: the library's own choice. */
  readonly block: number
  readonly alterETag: AlterETag
  readonly notes: FilterNotes
}

export const brotliServer = settingsKey<BrotliServer>('brotli', {
  quality: 5,
  window: 18,
  block: 0,
  alterETag: 'AddSuffix',
  notes: {},
})

const SERVER = { contexts: ['server', 'vhost'] } as const

/** Name, property, smallest and largest value, what it is. */
const NUMBERS = [
  ['BrotliCompressionQuality', 'quality', 0, 11, 'Compression quality'],
  ['BrotliCompressionWindow', 'window', 10, 24, 'LZ77 window size'],
  ['BrotliCompressionMaxInputBlock', 'block', 16, 24, 'maximum input block size'],
] as const

const directives = [
  ...NUMBERS.map(([name, property, least, most, what]) =>
    directive({
      name,
      syntax: 'number',
      ...SERVER,
      ...(property === 'block' ? {} : { default: String(brotliServer.defaults[property]) }),
      help: `${what} between ${least} and ${most}`,
      ...take1((cmd, word) => {
        const value = /^\d+$/.test(word) ? Number(word) : -1
        if (value < least || value > most) cmd.fail(`${name} must be between ${least} and ${most}`)
        cmd.server.draft(brotliServer)[property] = value
      }),
    }),
  ),
  noteDirective('BrotliFilterNote', (cmd, kind, note) => {
    const draft = cmd.server.draft(brotliServer)
    draft.notes = { ...draft.notes, [kind]: note }
  }),
  directive({
    name: 'BrotliAlterETag',
    syntax: 'AddSuffix|NoChange|Remove',
    ...SERVER,
    default: 'AddSuffix',
    help: "Set how mod_brotli should modify ETag response headers: 'AddSuffix' (default), 'NoChange', 'Remove'",
    ...take1((cmd, word) => {
      cmd.server.draft(brotliServer).alterETag = oneOf(cmd, word, ['AddSuffix', 'NoChange', 'Remove'])
    }),
  }),
]

const compressWhole = lazily(() => promisify(brotliCompress))

const filter: OutputFilter = {
  name: 'BROTLI_COMPRESS',
  begin: (request, length) => {
    const { quality, window, block, alterETag, notes } = request.server.settings.get(brotliServer)
    if (!takeOn(request, length, { token: 'br', offVariable: 'no-brotli', alterETag })) return undefined
    const options = {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: quality,
        [constants.BROTLI_PARAM_LGWIN]: window,
        ...(block === 0 ? {} : { [constants.BROTLI_PARAM_LGBLOCK]: block }),
      },
    }
    const stream = createBrotliCompress(options)
    return {
      stream,
      flush: () => stream.flush(constants.BROTLI_OPERATION_FLUSH),
      whole: (body) => compressWhole()(body, options),
      ended: (input, output) => writeNotes(request, notes, input, output),
    }
  },
}

export const brotli = {
  id: 'brotli_module',
  source: 'mod_brotli.c',
  directives,
  filters: [filter],
} satisfies HttpdModule
