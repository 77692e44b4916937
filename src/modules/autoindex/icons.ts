/**
 * Icons of listings and the texts that stand in their place: `AddIcon`, `AddAlt` and their kin, by file name, media type or encoding. The first
 * one that fits counts, those of inner sections before those of outer ones.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_autoindex.html#addicon
 */
import { type Command, type Directive, directive, iterate2, take1 } from '../../config/directive.js'
import { fnmatch } from '../../config/fnmatch.js'
import { escapeHtml } from '../html-text.js'

export type IconBy = 'name' | 'type' | 'encoding'

/** An icon's URL or a text, and what it stands for. */
export interface IconRule {
  readonly by: IconBy
  /** A name of directories: `^^DIRECTORY^^`; undefined for patterns. */
  readonly special: string | undefined
  readonly pattern: RegExp
  readonly value: string
}

export interface Icons {
  readonly icons: readonly IconRule[]
  readonly alts: readonly IconRule[]
  readonly defaultIcon: string | undefined
}

/** What is known of one entry. */
export interface IconFacts {
  readonly name: string
  readonly isDirectory: boolean
  readonly type: string
  readonly encoding: string
}

export interface IconLook {
  /** Pixels. */
  readonly height: number | undefined
  readonly width: number | undefined
}

export function iconRule(by: IconBy, value: string, name: string): IconRule {
  const special = by === 'name' && /^\^\^\w+\^\^$/.test(name) ? name : undefined
  // a name stands for all that end with it, so that `.txt` is an extension
  return { by, special, value, pattern: fnmatch(by === 'name' ? `*${name}` : name, { ignoreCase: true }) }
}

function find(rules: readonly IconRule[], facts: IconFacts): string | undefined {
  const fits = ({ by, special, pattern }: IconRule): boolean => {
    if (special !== undefined) return false
    if (by === 'name') return pattern.test(facts.name)
    const text = by === 'type' ? facts.type : facts.encoding
    return text !== '' && pattern.test(text)
  }
  const found =
    rules.find(fits) ?? rules.find(({ special }) => facts.isDirectory && special === '^^DIRECTORY^^')
  return found?.value
}

/** The image of an entry as HTML; empty where there is none. */
export function iconOf({ icons, alts, defaultIcon }: Icons, facts: IconFacts, look: IconLook): string {
  const url = find(icons, facts) ?? defaultIcon
  if (url === undefined) return ''
  const alt = find(alts, facts) ?? (facts.isDirectory ? 'DIR' : '   ')
  const size = (name: string, pixels: number | undefined) =>
    pixels === undefined ? '' : ` ${name}="${pixels}"`
  return `<img src="${escapeHtml(url)}" alt="[${escapeHtml(alt)}]"${size('width', look.width)}${size('height', look.height)}>`
}

const EVERYWHERE = { contexts: ['server', 'vhost', 'directory', 'htaccess'], override: 'Indexes' } as const
const KINDS = [
  ['', 'name', 'name'],
  ['ByType', 'type', 'media-type'],
  ['ByEncoding', 'encoding', 'encoding'],
] as const

/** @param draftOf what a line adds to. */
export function iconDirectives(
  draftOf: (cmd: Command) => Partial<{ -readonly [K in keyof Icons]: Icons[K] }>,
): Directive[] {
  const add = (
    cmd: Command,
    list: 'icons' | 'alts',
    by: IconBy,
    value: string,
    names: readonly string[],
  ): void => {
    const draft = draftOf(cmd)
    draft[list] = [...(draft[list] ?? []), ...names.map((name) => iconRule(by, value, name))]
  }
  const pairs = KINDS.flatMap(([end, by, word]) => [
    directive({
      name: `AddIcon${end}`,
      syntax: `icon ${word} [${word}] ...`,
      ...EVERYWHERE,
      help: `an icon URL followed by one or more ${word}s`,
      ...iterate2((cmd, icon, names) => {
        const [, alt, url = icon] = /^\(([^,]*),(.*)\)$/.exec(icon) ?? []
        if (icon.startsWith('(') && alt === undefined)
          cmd.fail("missing closing paren or comma: an icon with its text is '(TXT,/url)'")
        if (alt !== undefined) add(cmd, 'alts', by, alt, names)
        add(cmd, 'icons', by, url, names)
      }),
    }),
    directive({
      name: `AddAlt${end}`,
      syntax: `string ${word} [${word}] ...`,
      ...EVERYWHERE,
      help: `alternate descriptive text followed by one or more ${word}s`,
      ...iterate2((cmd, text, names) => add(cmd, 'alts', by, text, names)),
    }),
  ])
  const preset = directive({
    name: 'DefaultIcon',
    syntax: 'url-path',
    ...EVERYWHERE,
    help: 'an icon URL',
    ...take1((cmd, url) => {
      draftOf(cmd).defaultIcon = url
    }),
  })
  return [...pairs, preset]
}
