/**
 * What mod_http2's directives set.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_http2.html
 */
import { settingsKey } from '../../config/settings.js'

export interface Http2Settings {
  /** Streams that a client may have at once. */
  readonly maxSessionStreams: number
  /** Bytes of a request's body that are on their way while nobody reads. */
  readonly windowSize: number
  /** Seconds that a stream may wait for its client; 0: `Timeout`. */
  readonly streamTimeout: number
  /** HTTP/2 without TLS by prior knowledge; undefined: where `Protocols` has `h2c`. */
  readonly direct: boolean | undefined
  readonly modernTlsOnly: boolean
}

export const http2Settings = settingsKey<Http2Settings>('http2', {
  maxSessionStreams: 100,
  windowSize: 65_535,
  streamTimeout: 0,
  direct: undefined,
  modernTlsOnly: true,
})
