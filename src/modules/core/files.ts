/**
 * Directives that lead from a URL to a file and say how files are sent.
 */
import {
  argv,
  type Command,
  type Directive,
  directive,
  flag,
  iterate,
  noEffect,
  take1,
} from '../../config/directive.js'
import { filterNames } from '../filter.js'
import { stringTemplate } from '../string-template.js'
import { oneOf } from './arguments.js'
import { mutexDirective } from './mutex.js'
import { coreDir, coreGlobal, coreServer, type FileETag } from './settings.js'

const PLACES = ['server', 'vhost', 'directory', 'htaccess'] as const

function setFileETag(cmd: Command, words: readonly string[]): void {
  const draft = cmd.dir.draft(coreDir)
  const tag: { -readonly [K in keyof FileETag]: boolean } = {
    ...(draft.fileETag ?? coreDir.defaults.fileETag),
  }
  const signed = /^[+-]/.test(words[0] ?? '')
  if (!signed) Object.assign(tag, { inode: false, mtime: false, size: false, digest: false })
  for (const word of words) {
    const on = !word.startsWith('-')
    const name = word.replace(/^[+-]/, '').toLowerCase()
    if (name === 'all' && !signed) Object.assign(tag, { inode: true, mtime: true, size: true, digest: false })
    else if (name === 'inode' || name === 'mtime' || name === 'size' || name === 'digest') tag[name] = on
    else if (name !== 'none' || signed || words.length > 1)
      cmd.fail(`Unknown keyword '${word}' for FileETag directive`)
  }
  if (tag.digest) cmd.warn('FileETag Digest has no effect: tags are never made of the content')
  draft.fileETag = tag
}

export const fileDirectives: readonly Directive[] = [
  directive({
    name: 'DocumentRoot',
    syntax: 'directory-path',
    contexts: ['server', 'vhost'],
    help: 'Root directory of the document tree',
    ...take1((cmd, path) => {
      const draft = cmd.server.draft(coreServer)
      draft.documentRootShown = cmd.resolve(path)
      draft.documentRoot = draft.documentRootShown.replace(/(.)\/+$/, '$1')
      draft.documentRootAt = cmd.at
    }),
  }),
  directive({
    name: 'ServerRoot',
    syntax: 'directory-path',
    contexts: ['server'],
    help: 'Common directory of server-related files (logs, confs, etc.)',
    // Its value is taken while the files are read, since Include depends on it.
    args: { kind: 'take', counts: [1] },
    apply: () => {},
  }),
  directive({
    name: 'DefaultRuntimeDir',
    syntax: 'directory-path',
    contexts: ['server'],
    help: 'Common directory for run-time files (shared memory, locks, etc.)',
    ...take1((cmd, path) => {
      cmd.main.draft(coreGlobal).runtimeDir = cmd.resolve(path)
    }),
  }),
  mutexDirective,
  directive({
    name: 'AccessFileName',
    syntax: 'filename [filename] ...',
    contexts: ['server', 'vhost'],
    default: '.htaccess',
    help: 'Name(s) of per-directory config files',
    ...iterate((cmd, names) => {
      cmd.server.draft(coreServer).accessFileNames = names
    }),
  }),
  directive({
    name: 'AllowEncodedSlashes',
    syntax: 'On|Off|NoDecode',
    contexts: ['server', 'vhost'],
    default: 'Off',
    help: "Allow URLs containing '/' encoded as '%2F'",
    ...take1((cmd, word) => {
      const mode = oneOf(cmd, word, ['On', 'Off', 'NoDecode'])
      cmd.server.draft(coreServer).allowEncodedSlashes = { mode, serverIndex: cmd.serverIndex }
    }),
  }),
  directive({
    name: 'MergeSlashes',
    syntax: 'On|Off',
    contexts: ['server', 'vhost'],
    default: 'On',
    help: 'Whether runs of slashes in URL paths count as one',
    ...flag((cmd, on) => {
      cmd.server.draft(coreServer).mergeSlashes = on
    }),
  }),
  directive({
    name: 'AcceptPathInfo',
    syntax: 'On|Off|Default',
    contexts: PLACES,
    override: 'FileInfo',
    default: 'Default',
    help: 'Set to on or off for PATH_INFO to be accepted by handlers, or default for the per-handler preference',
    ...take1((cmd, word) => {
      cmd.dir.draft(coreDir).acceptPathInfo = oneOf(cmd, word, ['On', 'Off', 'Default'])
    }),
  }),
  directive({
    name: 'FileETag',
    syntax: '[+|-]INode|[+|-]MTime|[+|-]Size|[+|-]Digest|All|None ...',
    contexts: PLACES,
    override: 'FileInfo',
    default: 'MTime Size',
    help: "Specify components used to construct a file's ETag",
    ...argv(setFileETag),
  }),
  directive({
    name: 'EnableSendfile',
    syntax: 'On|Off',
    contexts: PLACES,
    override: 'FileInfo',
    default: 'On',
    help: 'Controls whether sendfile may be used to transmit files',
    ...flag((cmd, on) => {
      cmd.dir.draft(coreDir).enableSendfile = on
    }),
  }),
  directive({
    name: 'EnableMMAP',
    syntax: 'On|Off',
    contexts: PLACES,
    override: 'FileInfo',
    default: 'On',
    help: 'Controls whether memory-mapping may be used to read files',
    accepted: 'files are never mapped into memory',
    ...noEffect({ kind: 'flag' }),
  }),
  directive({
    name: 'ReadBufferSize',
    syntax: 'bytes',
    contexts: PLACES,
    override: 'FileInfo',
    default: '8192',
    help: 'Size (in bytes) of the memory buffers used to read data',
    accepted: 'files are read in pieces of a fixed size',
    ...noEffect({ kind: 'take', counts: [1] }),
  }),
  directive({
    name: 'SetHandler',
    syntax: 'handler-name|none|expression',
    contexts: PLACES,
    override: 'FileInfo',
    help: 'A handler name that overrides any other configured handler',
    ...take1((cmd, word) => {
      const draft = cmd.dir.draft(coreDir)
      draft.handler = undefined
      draft.handlerExpression = undefined
      if (/^proxy:/i.test(word)) {
        // a handler that no module has: such files are refused, and never sent as they are
        draft.handler = word
        cmd.lacks(
          `SetHandler ${word}: files are not handed to backends (FastCGI and its kin), and get 500 where WSGIHttpdUnsupported Warn lets the server start; ProxyPass hands parts of the URL space to an HTTP service`,
        )
      }
      if (word.startsWith('expr='))
        draft.handlerExpression = stringTemplate(cmd, word.slice(5), "Can't parse expression : ")
      else if (word.toLowerCase() !== 'none') draft.handler = word.toLowerCase()
    }),
  }),
  directive({
    name: 'ForceType',
    syntax: 'media-type|None',
    contexts: PLACES,
    override: 'FileInfo',
    help: 'A mime type that overrides other configured type',
    ...take1((cmd, word) => {
      cmd.dir.draft(coreDir).forceType = word.toLowerCase() === 'none' ? undefined : word
    }),
  }),
  directive({
    name: 'AddDefaultCharset',
    syntax: 'On|Off|charset',
    contexts: PLACES,
    override: 'FileInfo',
    default: 'Off',
    help: "The name of the default charset to add to any Content-Type without one or 'Off' to disable",
    ...take1((cmd, word) => {
      const lower = word.toLowerCase()
      if (!/^[\w.:+-]+$/.test(word)) cmd.fail(`AddDefaultCharset "${word}" is no charset`)
      cmd.dir.draft(coreDir).addDefaultCharset =
        lower === 'off' ? undefined : lower === 'on' ? 'iso-8859-1' : word
    }),
  }),
  directive({
    name: 'DefaultType',
    syntax: 'media-type|none',
    contexts: PLACES,
    override: 'FileInfo',
    default: 'none',
    help: 'Without effect; use ForceType, AddType or a default in the types file',
    ...take1((cmd, word) => {
      if (word.toLowerCase() !== 'none')
        cmd.warn(
          `Ignoring deprecated use of DefaultType in line ${cmd.at.line} of ${cmd.at.file}.`,
          'AH00117',
        )
    }),
  }),
  directive({
    name: 'ContentDigest',
    syntax: 'On|Off',
    contexts: PLACES,
    override: 'Options',
    default: 'Off',
    help: 'Generation of Content-MD5 headers',
    args: { kind: 'flag' },
    apply: (cmd, [word]) => {
      if (word === 'On') cmd.warn('ContentDigest On has no effect: Content-MD5 is obsolete (RFC 7231)')
    },
  }),
  directive({
    name: 'SetOutputFilter',
    syntax: 'filter[;filter...]|None',
    contexts: PLACES,
    override: 'FileInfo',
    help: 'Filter (or ; delimited list of filters) to be run on response bodies',
    ...take1((cmd, word) => {
      cmd.dir.draft(coreDir).outputFilters = filterNames(cmd, word)
    }),
  }),
  directive({
    name: 'SetInputFilter',
    syntax: 'filter[;filter...]|None',
    contexts: PLACES,
    override: 'FileInfo',
    help: 'Filter (or ; delimited list of filters) to be run on request bodies',
    ...take1((cmd, word) => {
      const names = word.toUpperCase() === 'NONE' ? [] : word.toUpperCase().split(';').filter(Boolean)
      if (names.length > 0) cmd.warn(`${cmd.name} ${word}: request bodies are not filtered; it has no effect`)
      cmd.dir.draft(coreDir).inputFilters = names
    }),
  }),
  directive({
    name: 'CGIPassAuth',
    syntax: 'On|Off',
    contexts: ['directory', 'htaccess'],
    override: 'AuthConfig',
    default: 'Off',
    help: 'Controls whether HTTP authorization headers, normally hidden, will be passed to scripts',
    ...flag((cmd, on) => {
      cmd.dir.draft(coreDir).cgiPassAuth = on
    }),
  }),
]
