/** Of a generated httpd.conf: files, their types, compression. */
import path from 'node:path'
import type { Plan } from '../plan.js'
import { directory, type Part, pattern, quote, quoted, section } from '../text.js'

export function fileParts(plan: Plan): Part[] {
  return [types(plan), documents(plan), filesFirst(plan), aliases(plan), compression(plan)]
}

function types({ mimeTypes }: Plan): Part {
  return { about: 'Media types.', lines: [quoted('TypesConfig', mimeTypes)] }
}

function documents({ kind, documentRoot, given }: Plan): Part {
  if (documentRoot === undefined) return { about: '', lines: [] }
  const overrides = given.list('allow-override')
  const index = given.text('directory-index') ?? (kind === 'static' ? 'index.html' : undefined)
  return {
    about: 'Files.',
    lines: [
      `DocumentRoot ${quote(documentRoot)}`,
      ...directory(documentRoot, [
        given.has('directory-listing') ? 'Options +Indexes' : undefined,
        quoted('DirectoryIndex', index),
        overrides.length > 0 ? `AllowOverride ${overrides.join(' ')}` : undefined,
        'Require all granted',
      ]),
    ],
  }
}

/** The rules hold in all virtual hosts but those that say otherwise. */
function filesFirst({ kind, documentRoot, given }: Plan): Part {
  if (kind === 'static' || documentRoot === undefined) return { about: '', lines: [] }
  const file = rewritten(documentRoot === '/' ? '' : documentRoot, '%{REQUEST_URI}')
  // A question mark would begin a query string; one at the end says that there is none in here.
  const rule = documentRoot.includes('?')
    ? `${rewritten(documentRoot, '%{REQUEST_URI}?')} [QSA,L]`
    : `${file} [L]`
  return {
    about: 'What is a file of the document root is served as such, and all else goes to the application.',
    lines: [
      'RewriteEngine On',
      'RewriteOptions InheritDown',
      `RewriteCond ${file} -f${given.has('directory-index') ? ' [OR]' : ''}`,
      given.has('directory-index') ? `RewriteCond ${file} -d` : undefined,
      `RewriteRule ^ ${rule}`,
    ],
  }
}

/**
 * A text and a variable as a word of rewriting: a backslash makes the next character an ordinary one in the text, but does not keep a quote
 * from ending the word.
 */
function rewritten(text: string, variable: string): string {
  const quotes = ['"', "'"].find((mark) => !text.includes(mark))
  const ordinary = text.replace(quotes === undefined ? /[\\$%\s]/g : /[\\$%]/g, '\\$&')
  return `${quotes ?? ''}${ordinary}${variable}${quotes ?? ''}`
}

function aliases(plan: Plan): Part {
  return {
    about:
      'Static files and directories; the longest URL comes first, since the first that matches is taken.',
    lines: plan.aliases.flatMap((alias) => {
      // httpd wants both sides to end in a slash, or neither.
      const slash = alias.kind === 'directory' && alias.url.endsWith('/') ? '/' : ''
      return [
        `Alias ${quote(alias.url)} ${quote(alias.path.replace(/(.)\/$/, '$1') + slash)}`,
        ...(alias.kind === 'directory'
          ? directory(alias.path, ['Require all granted'])
          : grantFile(alias.path)),
      ]
    }),
  }
}

/** Lets requests in to one file. */
export function grantFile(file: string): string[] {
  return directory(
    path.dirname(file),
    section('Files', quote(pattern(path.basename(file))), ['Require all granted']),
  )
}

/** Media types that are text and compress well. */
const COMPRESSED = [
  'text/plain text/html text/css text/xml text/javascript',
  'application/javascript application/json application/xml application/xhtml+xml image/svg+xml',
]

function compression({ given }: Plan): Part {
  return {
    about: 'Compression, as far as the client knows it.',
    lines: given.has('compress-responses')
      ? COMPRESSED.map((types) => `AddOutputFilterByType BROTLI_COMPRESS;DEFLATE ${types}`)
      : [],
  }
}
