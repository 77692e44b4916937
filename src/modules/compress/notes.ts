/** `DeflateFilterNote` and `BrotliFilterNote`: how much a response shrank, for access logs (`%{ratio}n`). */
import { type Command, type Directive, directive, take12 } from '../../config/directive.js'
import type { Request } from '../../request/request.js'

const KINDS = ['Input', 'Output', 'Ratio'] as const
type Kind = (typeof KINDS)[number]

/** Names of the notes that take bytes in, bytes out, and the second as a percentage of the first. */
export type FilterNotes = Readonly<Partial<Record<Kind, string>>>

export function noteDirective(
  name: string,
  keep: (cmd: Command, kind: Kind, note: string) => void,
): Directive {
  return directive({
    name,
    syntax: '[Input|Output|Ratio] notename',
    contexts: ['server', 'vhost'],
    help: 'Set a note to report on compression ratio',
    ...take12((cmd, first, second) => {
      const kind =
        second === undefined ? 'Ratio' : KINDS.find((one) => one.toLowerCase() === first.toLowerCase())
      if (kind === undefined) return cmd.fail(`Unknown note type ${first}`)
      keep(cmd, kind, second ?? first)
    }),
  })
}

export function writeNotes(request: Request, notes: FilterNotes, input: number, output: number): void {
  if (notes.Input !== undefined) request.notes.set(notes.Input, String(input))
  if (notes.Output !== undefined) request.notes.set(notes.Output, String(output))
  if (notes.Ratio !== undefined)
    request.notes.set(notes.Ratio, input > 0 ? String(Math.trunc((output * 100) / input)) : '-')
}
