/**
 * mod_reqtimeout: how long a client may take to send a request. Here the directive is read and checked; the limits are enforced where bytes
 * arrive: the HTTP front takes `header` (and `handshake`) from {@link requestReadTimeout} of the listening server, and whoever reads a
 * request body takes `body`, with {@link deadline}.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_reqtimeout.html
 */
import { type Command, directive, raw } from '../config/directive.js'
import { settingsKey } from '../config/settings.js'
import type { HttpdModule } from './module.js'

/** The limit of one stage. */
export interface StageTimeout {
  /** Seconds for the whole stage; 0: no limit. */
  readonly timeout: number
  /** Seconds to which data may extend the limit; 0: for ever. */
  readonly maximum: number
  /** Bytes that extend the limit by a second; 0: nothing extends it. */
  readonly minRate: number
}

export interface RequestReadTimeout {
  /** The TLS handshake. */
  readonly handshake: StageTimeout
  /** From the first byte of a request (or the connection) to the end of its header. */
  readonly header: StageTimeout
  /** From the end of the header to the end of the body, while the body is being read. */
  readonly body: StageTimeout
}

export const requestReadTimeout = settingsKey<RequestReadTimeout>('reqtimeout', {
  handshake: { timeout: 0, maximum: 0, minRate: 0 },
  header: { timeout: 20, maximum: 40, minRate: 500 },
  body: { timeout: 20, maximum: 0, minRate: 500 },
})

/** The time at which a stage must be over, for what has arrived of it. Times in milliseconds; Infinity where there is no limit. */
export function deadline(stage: StageTimeout, startedAt: number, bytes: number): number {
  if (stage.timeout === 0) return Number.POSITIVE_INFINITY
  const earned = stage.minRate === 0 ? 0 : bytes / stage.minRate
  const seconds = stage.timeout + earned
  return startedAt + 1000 * (stage.maximum === 0 ? seconds : Math.min(seconds, stage.maximum))
}

const directives = [
  directive({
    name: 'RequestReadTimeout',
    syntax:
      '[handshake=timeout[-maxtimeout][,MinRate=rate]] [header=timeout[-maxtimeout][,MinRate=rate]] [body=timeout[-maxtimeout][,MinRate=rate]]',
    contexts: ['server', 'vhost'],
    default: 'handshake=0 header=20-40,MinRate=500 body=20,MinRate=500',
    help: 'Set various timeout parameters for TLS handshake and/or reading request headers and body',
    ...raw((cmd, text) => {
      for (const word of cmd.words(text)) {
        const [, key, value] = /^([^=]*)=(.*)$/s.exec(word) ?? []
        if (key === undefined || value === undefined) {
          return cmd.fail("Invalid RequestReadTimeout parameter. Parameter must be in the form 'key=value'")
        }
        const fail = (why: string): never => cmd.fail(`RequestReadTimeout: ${key}=${value}: ${why}`)
        const stage = STAGES.find((one) => one === key.toLowerCase())
        if (stage === undefined) return fail('Unknown RequestReadTimeout parameter')
        setStage(cmd, stage, parseStage(value, fail))
      }
    }),
  }),
]

const STAGES = ['handshake', 'header', 'body'] as const

function setStage(cmd: Command, stage: (typeof STAGES)[number], timeout: StageTimeout): void {
  cmd.server.draft(requestReadTimeout)[stage] = timeout
}

/** `20`, or `20-40,MinRate=500`. */
function parseStage(value: string, fail: (why: string) => never): StageTimeout {
  const number = (text: string): number => {
    if (/^\d+$/.test(text)) return Number(text)
    return fail(/^-\d+$/.test(text) ? 'Value must be non-negative' : `Value '${text}' not numerical`)
  }
  const [, range = '', rate] = /^(.*?)(?:,minrate=(.*))?$/is.exec(value) ?? []
  const [initial = '', maximum] = range.split(/-(.*)/s, 2)
  if (rate === undefined && maximum !== undefined) fail('Must set MinRate option if using timeout range')
  const stage = {
    timeout: number(initial),
    maximum: maximum === undefined ? 0 : number(maximum),
    minRate: rate === undefined ? 0 : number(rate),
  }
  if (rate !== undefined && stage.minRate === 0) fail('Minimum data rate must be larger than 0')
  if (stage.maximum > 0 && stage.timeout >= stage.maximum)
    fail('Maximum timeout must be larger than initial timeout')
  return stage
}

export const reqtimeout = {
  id: 'reqtimeout_module',
  source: 'mod_reqtimeout.c',
  directives,
} satisfies HttpdModule
