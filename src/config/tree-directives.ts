/**
 * The directives that shape the tree and are carried out while the text is read (pass 1): how each is written. What they do is in `reader.ts`,
 * `conditions.ts` and `macros.ts`; the modules that they belong to declare them from here, for `-L`, `<IfDirective>` and the reference page.
 */
import type { ArgumentShape, Context, Directive, SectionDirective } from './directive.js'

const ANYWHERE: readonly Context[] = ['server', 'vhost', 'directory', 'htaccess']
const SERVER_SIDE: readonly Context[] = ['server', 'vhost', 'directory']

export interface TreeDirective {
  readonly module: 'core' | 'so' | 'macro' | 'version'
  readonly name: string
  readonly syntax: string
  readonly contexts: readonly Context[]
  readonly args: ArgumentShape
  readonly help: string
}

const take = (...counts: number[]): ArgumentShape => ({ kind: 'take', counts })

/** In httpd's order and mostly in its words, because the help is part of error messages that people search for. */
const ENTRIES: readonly TreeDirective[] = [
  {
    module: 'core',
    name: 'Include',
    syntax: 'file-path|directory-path|wildcard',
    contexts: SERVER_SIDE,
    args: take(1),
    help: 'Name(s) of the config file(s) to be included; fails if the wildcard does not match at least one file',
  },
  {
    module: 'core',
    name: 'IncludeOptional',
    syntax: 'file-path|directory-path|wildcard',
    contexts: SERVER_SIDE,
    args: take(1),
    help: 'Name or pattern of the config file(s) to be included; ignored if the file does not exist or the pattern does not match any files',
  },
  {
    module: 'core',
    name: 'Define',
    syntax: 'parameter-name [parameter-value]',
    contexts: SERVER_SIDE,
    args: take(1, 2),
    help: 'Define a variable, optionally to a value.  Same as passing -D to the command line.',
  },
  {
    module: 'core',
    name: 'UnDefine',
    syntax: 'parameter-name',
    contexts: SERVER_SIDE,
    args: take(1),
    help: 'Undefine the existence of a variable. Undo a Define.',
  },
  {
    module: 'core',
    name: '<IfModule',
    syntax: '[!]module-file|module-identifier>',
    contexts: ANYWHERE,
    args: { kind: 'raw' },
    help: 'Container for directives based on existence of specified modules',
  },
  {
    module: 'core',
    name: '<IfDefine',
    syntax: '[!]parameter-name>',
    contexts: ANYWHERE,
    args: { kind: 'raw' },
    help: 'Container for directives based on existence of command line defines',
  },
  {
    module: 'core',
    name: '<IfFile',
    syntax: '[!]file-path>',
    contexts: ANYWHERE,
    args: { kind: 'raw' },
    help: 'Container for directives based on existence of files on disk',
  },
  {
    module: 'core',
    name: '<IfDirective',
    syntax: '[!]directive-name>',
    contexts: ANYWHERE,
    args: { kind: 'raw' },
    help: 'Container for directives based on existence of named directive',
  },
  {
    module: 'core',
    name: '<IfSection',
    syntax: '[!]section-name>',
    contexts: ANYWHERE,
    args: { kind: 'raw' },
    help: 'Container for directives based on existence of named section',
  },
  {
    module: 'version',
    name: '<IfVersion',
    syntax: '[[!]operator] version>',
    contexts: ANYWHERE,
    args: { kind: 'raw' },
    help: 'a comparison operator, a version (and a delimiter)',
  },
  {
    module: 'so',
    name: 'LoadModule',
    syntax: 'module filename',
    contexts: SERVER_SIDE,
    args: take(2),
    help: 'a module name and the name of a shared object file to load it from',
  },
  {
    module: 'so',
    name: 'LoadFile',
    syntax: 'filename [filename] ...',
    contexts: SERVER_SIDE,
    args: { kind: 'iterate' },
    help: 'shared object file or library to load into the server at runtime',
  },
  {
    module: 'macro',
    name: '<Macro',
    syntax: 'name [par1 .. parN]>',
    contexts: ANYWHERE,
    args: { kind: 'raw' },
    help: 'Beginning of a macro definition section.',
  },
  {
    module: 'macro',
    name: 'Use',
    syntax: 'name [value1 ... valueN]',
    contexts: ANYWHERE,
    args: { kind: 'raw' },
    help: 'Use of a macro.',
  },
  {
    module: 'macro',
    name: 'UndefMacro',
    syntax: 'name',
    contexts: ANYWHERE,
    args: take(1),
    help: 'Remove a macro definition.',
  },
  {
    module: 'macro',
    name: 'MacroIgnoreEmptyArgs',
    syntax: '',
    contexts: ANYWHERE,
    args: { kind: 'none' },
    help: 'Disable empty argument warnings in Macro directive.',
  },
  {
    module: 'macro',
    name: 'MacroIgnoreBadNesting',
    syntax: '',
    contexts: ANYWHERE,
    args: { kind: 'none' },
    help: 'Disable bad nesting warnings in Macro directive.',
  },
]

const BY_NAME = new Map(ENTRIES.map((entry) => [entry.name.toLowerCase(), entry]))

/** The declaration of a directive of pass 1, whatever the case of its name. */
export function treeDirective(name: string): TreeDirective | undefined {
  return BY_NAME.get(name.toLowerCase())
}

/** What a module declares of them. */
export function treeDirectivesOf(module: TreeDirective['module']): readonly (Directive | SectionDirective)[] {
  return ENTRIES.filter((entry) => entry.module === module).map(
    ({ name, syntax, contexts, args, help }): Directive | SectionDirective => {
      const early = (): never => {
        throw new Error(`${name} is carried out while the configuration is read and cannot be applied`)
      }
      return name.startsWith('<')
        ? { name, syntax, contexts, help, open: early }
        : { name, syntax, contexts, help, args, apply: early }
    },
  )
}
