/**
 * The reference page of directives, `docs/directives.md`: written from the declarations, so that it says what the program does.
 */
import type { Context, Directive, SectionDirective } from '../config/directive.js'
import { ELSEWHERE } from '../modules/elsewhere.js'
import type { HttpdModule } from '../modules/module.js'
import { namedModules } from './dump.js'

const CONTEXTS: Readonly<Record<Context, string>> = {
  server: 'server config',
  vhost: 'virtual host',
  directory: 'directory',
  htaccess: '.htaccess',
}

const INTRODUCTION = `# Directives

<!-- Written by \`npm run docs\` from the declarations in src/modules/. Changes made here are lost. -->

Every directive that wsgi-httpd reads, by module. What each does is described in the manuals of
[Apache httpd](https://httpd.apache.org/docs/2.4/mod/directives.html) and
[mod_wsgi](https://modwsgi.readthedocs.io/en/master/configuration.html); this page says how it is written, where it may stand, and what is
different here. \`wsgi-httpd -L\` prints the same list.

* **Context** "directory" stands for \`<Directory>\`, \`<Location>\`, \`<Files>\`, \`<If>\` and their kin.
* **Override** is the class of \`AllowOverride\` that lets a directive into \`.htaccess\` files.
* **No effect** marks directives that are read and checked, but have nothing to change here, with the reason.
`

/** The whole page. */
export function directivesPage(modules: readonly HttpdModule[]): string {
  // by name: the order of hooks means nothing to a reader
  const named = [...namedModules(modules)].sort((a, b) => (a.source < b.source ? -1 : 1))
  return [
    INTRODUCTION,
    contents(named),
    ...named.filter(hasDirectives).map(moduleSection),
    elsewhereSection(named),
  ].join('\n')
}

function hasDirectives({ directives }: HttpdModule): boolean {
  return directives.length > 0
}

function contents(modules: readonly HttpdModule[]): string {
  const rows = modules
    .filter(hasDirectives)
    .map(
      ({ source, directives }) => `| [${source}](#${anchor(source)}) | ${directives.map(link).join(', ')} |`,
    )
  return ['| Module | Directives |', '|---|---|', ...rows, ''].join('\n')
}

function link(directive: Directive | SectionDirective): string {
  return `[${escapeText(titleOf(directive))}](#${anchor(titleOf(directive))})`
}

function moduleSection({ id, source, directives }: HttpdModule): string {
  return [`## ${source}`, '', `Identifier: \`${id}\``, '', ...directives.map(entry)].join('\n')
}

function entry(directive: Directive | SectionDirective): string {
  const { name, syntax, contexts, override, help, accepted } = directive
  // the `>` of a section stands in its syntax
  const written = `${name} ${syntax}`.trim().replace(/ >$/, '>')
  const shown = name.startsWith('<') ? `${written} … </${name.slice(1)}>` : written
  const rows = [
    `* **Syntax:** ${code(shown)}`,
    ...(directive.default === undefined ? [] : [`* **Default:** ${code(`${name} ${directive.default}`)}`]),
    `* **Context:** ${contexts.map((context) => CONTEXTS[context]).join(', ')}`,
    ...(contexts.includes('htaccess') ? [`* **Override:** ${override ?? 'All'}`] : []),
    ...(accepted === undefined ? [] : [`* **No effect:** ${escapeText(accepted)}`]),
  ]
  return [`### ${escapeText(titleOf(directive))}`, '', escapeText(sentence(help)), '', ...rows, ''].join('\n')
}

function elsewhereSection(carried: readonly HttpdModule[]): string {
  const declared = new Set(
    carried.flatMap(({ directives }) => directives.map(({ name }) => name.toLowerCase())),
  )
  const modules = [...ELSEWHERE].sort((a, b) => (a.module < b.module ? -1 : 1))
  const rows = modules.flatMap(({ module, advice, security, directives }) => {
    const names = directives.split(/\s+/).filter((name) => name !== '' && !declared.has(name.toLowerCase()))
    const protects = security ? 'yes' : ''
    return names.length === 0
      ? []
      : [`| ${module} | ${protects} | ${names.map(code).join(' ')} | ${escapeText(advice)} |`]
  })
  return [
    '## Directives that are not carried',
    '',
    'These are known by name. A configuration that uses one is refused, unless `WSGIHttpdUnsupported Warn` is set; those marked',
    '"protects" are refused all the same, since leaving them out could open what they were to close.',
    '',
    '| Module | Protects | Directives | Instead |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

/** `Alias`, `<Directory>`. */
function titleOf({ name }: Directive | SectionDirective): string {
  return name.startsWith('<') ? `${name}>` : name
}

/** As GitHub makes anchors of headings. */
function anchor(title: string): string {
  return title.toLowerCase().replace(/[^\w-]/g, '')
}

function sentence(help: string): string {
  const text = help.charAt(0).toUpperCase() + help.slice(1)
  return /[.!?]$/.test(text) ? text : `${text}.`
}

function code(text: string): string {
  return `\`${text}\``
}

function escapeText(text: string): string {
  return text.replace(/[<>*_|]/g, (char) => (char === '<' ? '&lt;' : char === '>' ? '&gt;' : `\\${char}`))
}
