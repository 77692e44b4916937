/**
 * Core directives that configurations contain and that need nothing done here, each with the reason.
 */
import {
  type ArgumentShape,
  type Context,
  type Directive,
  directive,
  noEffect,
} from '../../config/directive.js'

const RLIMIT =
  'limits on children of CGI scripts; nothing here runs CGI. WSGIDaemonProcess has limits of its own'
const SERVER: readonly Context[] = ['server']
const ANYWHERE: readonly Context[] = ['server', 'vhost', 'directory', 'htaccess']

function accepted(
  name: string,
  contexts: readonly Context[],
  args: ArgumentShape,
  syntax: string,
  help: string,
  why: string,
): Directive {
  return directive({
    name,
    syntax,
    contexts,
    help,
    accepted: why,
    ...(contexts.includes('htaccess') ? { override: 'All' as const } : {}),
    ...noEffect(args),
  })
}

const ONE: ArgumentShape = { kind: 'take', counts: [1] }
const ONE_OR_TWO: ArgumentShape = { kind: 'take', counts: [1, 2] }

export const acceptedDirectives: readonly Directive[] = [
  accepted(
    'RLimitCPU',
    ANYWHERE,
    ONE_OR_TWO,
    'seconds|max [seconds|max]',
    'Soft/hard limits for max CPU usage in seconds',
    RLIMIT,
  ),
  accepted(
    'RLimitMEM',
    ANYWHERE,
    ONE_OR_TWO,
    'bytes|max [bytes|max]',
    'Soft/hard limits for max memory usage per process',
    RLIMIT,
  ),
  accepted(
    'RLimitNPROC',
    ANYWHERE,
    ONE_OR_TWO,
    'number|max [number|max]',
    'Soft/hard limits for max number of processes per uid',
    RLIMIT,
  ),
  accepted(
    'GprofDir',
    ['server', 'vhost'],
    ONE,
    'directory',
    'Directory to plop gmon.out files',
    'profiles of httpd itself',
  ),
  accepted(
    'Suexec',
    SERVER,
    { kind: 'flag' },
    'On|Off',
    'Whether CGI scripts may run as another user',
    'nothing here runs CGI',
  ),
  accepted(
    'FlushMaxThreshold',
    ['server', 'vhost'],
    ONE,
    'bytes',
    'How much pending data forces a write',
    'the event loop bounds this',
  ),
  accepted(
    'FlushMaxPipelined',
    ['server', 'vhost'],
    ONE,
    'number',
    'How many pipelined responses may pend',
    'the event loop bounds this',
  ),
  accepted(
    'CGIMapExtension',
    ['directory', 'htaccess'],
    { kind: 'take', counts: [2] },
    'cgi-path .extension',
    'Interpreter of scripts',
    'for another system',
  ),
  accepted(
    'CGIVar',
    ['directory', 'htaccess'],
    { kind: 'take', counts: [2] },
    'variable rule',
    'How some CGI variables are set',
    'nothing here runs CGI',
  ),
]
