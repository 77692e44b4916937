/**
 * An explanation as text. Pure; all text is bytes held as latin-1, as in the configuration.
 */
import { sourceName } from '../../config/position.js'
import { type Authority, describe } from '../../modules/authz-core/authority.js'
import { authzDir } from '../../modules/authz-core.js'
import type { ListenAddress } from '../../modules/core/settings.js'
import { coreServer } from '../../modules/core/settings.js'
import { sslServer } from '../../modules/ssl/settings.js'
import { reasonOf } from '../../request/reasons.js'
import type { Request } from '../../request/request.js'
import type { DaemonPlan } from '../../server/daemon-plan.js'
import { describeIdentity } from '../../server/privileges.js'
import { environVariables } from '../../wsgi/environ.js'
import { asBytes } from '../configuration.js'
import type { Explanation } from './ask.js'
import type { AskedQuestion } from './question.js'
import type { Arrival, Said } from './recorders.js'
import { type Source, sourcesOf } from './sections.js'

/** What of the configuration is told beside what the request has met. */
export interface Surroundings {
  readonly listens: readonly ListenAddress[]
  readonly daemons: readonly DaemonPlan[]
}

/** Column at which what is said begins. */
const INDENT = 20
/** Codes of the records that say how each `Require` was answered. */
const AUTHORIZATION = /^AH0162[56]$/
const RESULT = 'authorization result of '

type Row = readonly [label: string, ...lines: readonly string[]]

export function reportText(
  question: AskedQuestion,
  explanation: Explanation,
  surroundings: Surroundings,
): string {
  const { request, said } = explanation
  const isAccess = ({ code, message }: Said): boolean =>
    AUTHORIZATION.test(code) && message.startsWith(RESULT)
  const results = said
    .filter(isAccess)
    .map(({ message }) => message.slice(RESULT.length).replace(' : ', ': '))
  const rows: Row[] = [
    ['request', `${question.method} ${question.scheme}://${question.host}${question.target}`],
    ['client', clientOf(question, request)],
    ['listens', listening(question, surroundings.listens)],
    ['virtual host', hostOf(explanation), plainOnly(question, request)],
    ...redirects(request),
    ['file', ...fileOf(request)],
    ['sections', ...sourcesOf(request.dir, request.server).map(sourceText)],
    ['access', ...(results.length > 0 ? results : constantAccess(request))],
    ['user', request.user === undefined ? '' : `${request.user} (${request.authType ?? 'no AuthType'})`],
    ['handler', request.handler ?? ''],
    ...answer(explanation, surroundings.daemons),
    ['log', ...said.filter((line) => !isAccess(line)).map(saidText)],
  ]
  return rows
    .map(([label, ...lines]) => [label, ...lines.filter((line) => line !== '')] as const)
    .flatMap(([label, ...lines]) =>
      lines.map((line, at) => `${(at === 0 ? label : '').padEnd(INDENT)}${line}\n`),
    )
    .join('')
}

function clientOf({ from }: AskedQuestion, { connection }: Request): string {
  const { remoteAddress } = connection
  return remoteAddress === from
    ? from
    : `${remoteAddress}, as ${from} says, which is a proxy that is believed`
}

/** Only said where nothing would hear the request. */
function listening({ port }: AskedQuestion, listens: readonly ListenAddress[]): string {
  if (listens.some((listen) => listen.port === port)) return ''
  const ports = [...new Set(listens.map((listen) => listen.port))].join(', ')
  return `not on port ${port}: the ports of Listen are ${ports === '' ? 'none' : ports}`
}

function hostOf({ request, isNamed }: Explanation): string {
  const { server } = request
  const name = server.settings.get(coreServer).serverName?.host ?? 'without ServerName'
  if (!server.isVirtual) return `none: the main server, ${name}`
  const why = isNamed ? '' : '; the first of its address, as none there has that name'
  return `${name} (${sourceName(server.at)}:${server.at.line})${why}`
}

function plainOnly({ scheme }: AskedQuestion, { server }: Request): string {
  return scheme === 'https' && !server.settings.get(sslServer).engine
    ? 'SSLEngine is not On there: it does not speak https'
    : ''
}

/** URLs of this server that took the place of the one asked for. */
function redirects(request: Request): Row[] {
  const urls: string[] = []
  for (let at = request; at.prev !== undefined; at = at.prev)
    urls.unshift(at.query === undefined ? at.path : `${at.path}?${at.query}`)
  return [['goes on with', ...urls]]
}

function fileOf({ filename, finfo, pathInfo, contextPrefix }: Request): string[] {
  if (!filename.startsWith('/')) return [filename]
  const kind =
    finfo === undefined
      ? 'there is no such file'
      : finfo.isDirectory()
        ? 'a directory'
        : finfo.isFile()
          ? 'a file'
          : 'no regular file'
  const alias = contextPrefix === undefined ? '' : `, by the Alias of ${contextPrefix}`
  return [`${filename} (${kind}${alias})`, pathInfo === '' ? '' : `followed by ${pathInfo} (PATH_INFO)`]
}

function sourceText(source: Source): string {
  if ('file' in source) return source.file
  const { kind, pattern, at } = source
  return `<${kind} ${pattern}> (${sourceName(at)}:${at.line})`
}

/** What holds for every request is known when the configuration is read, and nothing is logged of it. */
function constantAccess({ dir, filename }: Request): string[] {
  const { root } = dir.get(authzDir)
  return root?.constant === undefined || filename === '' ? [] : leavesOf(root).map(describe)
}

function leavesOf(authority: Authority): Authority[] {
  return authority.kind === 'condition' ? [authority] : authority.of.flatMap(leavesOf)
}

function saidText({ module, level, code, message }: Said): string {
  return `[${module}:${level}] ${code === '' ? '' : `${code}: `}${message}`
}

function answer({ arrival, response, request }: Explanation, daemons: readonly DaemonPlan[]): Row[] {
  if (arrival?.kind === 'application') return application(arrival, daemons)
  if (arrival?.kind === 'hook')
    return [['answer', `depends on ${arrival.callable}() of ${arrival.script}, which was not called`]]
  if (arrival?.kind === 'elsewhere') return [['answer', `that of ${arrival.by}`]]
  const { head } = response
  if (head === undefined) return [['answer', 'none: the connection is cut']]
  const { status, reason, fields } = head
  const lines: string[] = []
  for (let at = 0; at < fields.length; at += 2) lines.push(`${fields[at]}: ${fields[at + 1]}`)
  const served = request.isBuiltInPage || status >= 400 ? '' : ', from the server itself'
  return [
    ['answer', `${status} ${reason || (reasonOf(status) ?? '')}${served}`],
    ['header', ...lines],
  ]
}

function application(
  { exchange, processGroup }: Extract<Arrival, { kind: 'application' }>,
  daemons: readonly DaemonPlan[],
): Row[] {
  const { place, applicationGroup } = exchange
  const variables = [...environVariables(exchange, processGroup)]
  const own = new Set([...exchange.request.env.keys()])
  return [
    ['answer', `that of ${place.callable} in ${place.script}`],
    ['process group', groupText(processGroup, daemons)],
    ['application group', applicationGroup === '' ? '%{GLOBAL}: the main interpreter' : applicationGroup],
    [
      'environ',
      ...variables
        .filter(([name]) => TOLD.test(name) || own.has(name))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => `${name}: ${value}`),
    ],
  ]
}

/** What of an environ says where the application is, and who asks; and all that directives have set. */
const TOLD =
  /^(SCRIPT_NAME|PATH_INFO|QUERY_STRING|REMOTE_ADDR|REMOTE_USER|HTTP_HOST|HTTPS|SERVER_NAME|SERVER_PORT|wsgi\.url_scheme)$/

function groupText(name: string, daemons: readonly DaemonPlan[]): string {
  if (name === '') return 'none: embedded in the server workers'
  const plan = daemons.find((daemon) => daemon.name === name)
  if (plan === undefined) return name
  const { group, launch } = plan
  const { processes, threads, at } = group
  const many = (count: number, what: string): string =>
    `${count} ${count === 1 ? what : `${what}${what.endsWith('s') ? 'es' : 's'}`}`
  // A plan has been made for the file system: its names are texts.
  const who = describeIdentity(launch.identity)
  return `${name} (${sourceName(at)}:${at.line}): ${many(processes, 'process')} of ${many(threads, 'thread')}, ${asBytes(launch.program)}, as ${who}`
}
