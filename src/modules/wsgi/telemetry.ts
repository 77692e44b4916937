/**
 * Telemetry: `WSGITelemetryService`, `WSGISlowRequests`, `WSGITelemetryOptions`. They only say what the runtimes do (`runtime/_wsgi_httpd/telemetry.py`).
 * Rules: https://modwsgi.readthedocs.io/en/master/configuration-directives/WSGITelemetryService.html
 */
import { type Command, type Directive, directive, iterate, take1, take12 } from '../../config/directive.js'
import { type TelemetryOption, wsgiMain } from './settings.js'

const INTERVAL_DEFAULT_SECONDS = 1
const INTERVAL_MIN_SECONDS = 0.5
const OPTIONS: readonly TelemetryOption[] = ['CaptureUserAgent']
/** The system's longest name of a socket. */
const PATH_MAX_BYTES = 107

export const telemetryDirectives: readonly Directive[] = [
  directive({
    name: 'WSGITelemetryService',
    syntax: 'unix:/path [interval=seconds]',
    contexts: ['server'],
    help: 'Socket that every Python process sends its metrics to.',
    ...take12((cmd, target, interval) => {
      if (!target.startsWith('unix:/')) cmd.fail('WSGITelemetryService target must begin with unix:/')
      const path = target.slice('unix:'.length)
      if (Buffer.byteLength(path, 'latin1') > PATH_MAX_BYTES)
        cmd.fail(`WSGITelemetryService: the path of the socket is longer than ${PATH_MAX_BYTES} bytes`)
      cmd.main.draft(wsgiMain).telemetry = { path, interval: readInterval(cmd, interval) }
    }),
  }),
  directive({
    name: 'WSGISlowRequests',
    syntax: 'seconds',
    contexts: ['server'],
    help: 'Requests that take longer are reported to the telemetry service one by one.',
    ...take1((cmd: Command, word) => {
      if (!(word.trim() !== '' && Number(word) >= 0 && Number.isFinite(Number(word))))
        cmd.fail('WSGISlowRequests threshold must be non-negative')
      cmd.main.draft(wsgiMain).slowRequests = Number(word)
    }),
  }),
  directive({
    name: 'WSGITelemetryOptions',
    syntax: '[+|-]CaptureUserAgent ...|None|All',
    contexts: ['server'],
    default: 'None',
    help: 'What records of telemetry contain beyond the usual.',
    ...iterate((cmd, words) => {
      const draft = cmd.main.draft(wsgiMain)
      draft.telemetryOptions = readOptions(cmd, words, draft.telemetryOptions ?? [])
    }),
  }),
]

function readInterval(cmd: Command, word: string | undefined): number {
  if (word === undefined) return INTERVAL_DEFAULT_SECONDS
  const text = /^interval=(.+)$/i.exec(word)?.[1]
  if (text === undefined) cmd.fail(`WSGITelemetryService: '${word}' is not interval=seconds`)
  const seconds = Number(text)
  if (!(seconds >= INTERVAL_MIN_SECONDS && Number.isFinite(seconds)))
    cmd.fail(`WSGITelemetryService interval must be at least ${INTERVAL_MIN_SECONDS} seconds`)
  return seconds
}

/** Words with a sign change what was set before, words without replace it. */
function readOptions(
  cmd: Command,
  words: readonly string[],
  before: readonly TelemetryOption[],
): readonly TelemetryOption[] {
  const signed = words.filter((word) => /^[+-]/.test(word)).length
  if (signed > 0 && signed < words.length)
    cmd.fail('WSGITelemetryOptions: either all options have a + or -, or none has')
  const found = new Set(signed > 0 ? before : [])
  for (const word of words) {
    const name = signed > 0 ? word.slice(1) : word
    const all = name.toLowerCase() === 'all'
    if (name === '') cmd.fail(`WSGITelemetryOptions: '${word}' is a sign without an option`)
    if ((all || name.toLowerCase() === 'none') && signed > 0)
      cmd.fail(`WSGITelemetryOptions: ${name} takes no sign`)
    const option = OPTIONS.find((known) => known.toLowerCase() === name.toLowerCase())
    if (all) for (const known of OPTIONS) found.add(known)
    else if (name.toLowerCase() === 'none') found.clear()
    else if (option === undefined)
      cmd.fail(
        `WSGITelemetryOptions: unknown option '${name}', known are ${OPTIONS.join(', ')}, None and All`,
      )
    else if (word.startsWith('-')) found.delete(option)
    else found.add(option)
  }
  return [...found]
}
