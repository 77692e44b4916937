/**
 * Names of header fields as they come again and again, each as one string object. A name that is cut out of a longer text has to be hashed and compared letter
 * by letter wherever it is looked up; these are compared by their address: a response's fields are taken apart and looked through in half the time.
 */

/** As clients over HTTP/1 and applications spell them. */
const FREQUENT = `Accept Accept-Charset Accept-Encoding Accept-Language Accept-Ranges Access-Control-Allow-Origin Age Allow Authorization Cache-Control Connection
Content-Disposition Content-Encoding Content-Language Content-Length Content-Security-Policy Content-Type Cookie Cross-Origin-Opener-Policy DNT Date ETag Expect
Expires Forwarded Host If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Keep-Alive Last-Modified Link Location Origin P3P Pragma Priority
Proxy-Connection Range Referer Referrer-Policy Retry-After Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User Sec-GPC Server Set-Cookie
Strict-Transport-Security TE Trailer Transfer-Encoding Upgrade Upgrade-Insecure-Requests User-Agent Vary Via WWW-Authenticate X-Content-Type-Options
X-Forwarded-For X-Forwarded-Host X-Forwarded-Port X-Forwarded-Proto X-Frame-Options X-Powered-By X-Real-IP X-Request-ID X-Requested-With X-XSS-Protection
accept accept-encoding accept-language cache-control connection content-length content-type cookie date etag host if-modified-since if-none-match last-modified
location origin referer sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform server set-cookie traceparent transfer-encoding user-agent vary x-forwarded-for
x-forwarded-proto x-request-id`

/** As keys of an object, which are the same objects as equal literals anywhere in the program. */
export const FREQUENT_NAMES: readonly string[] = Object.keys(
  Object.fromEntries(FREQUENT.split(/\s+/).map((name) => [name, true])),
)

const LONGEST = FREQUENT_NAMES.reduce((most, name) => Math.max(most, name.length), 0)
const byLength: readonly (readonly string[])[] = Array.from({ length: LONGEST + 1 }, (_, length) =>
  FREQUENT_NAMES.filter((name) => name.length === length),
)

/** The part of that text, as the one object of that name where it is a frequent one. */
export function fieldNameAt(text: string, from: number, to: number): string {
  const length = to - from
  if (length <= LONGEST)
    for (const name of byLength[length] as readonly string[]) if (text.startsWith(name, from)) return name
  return text.slice(from, to)
}
