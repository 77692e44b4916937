/**
 * `SSLProtocol`: a set of versions, which here must be a range, since that is what the TLS library is told.
 */
import { TLS_VERSIONS, type TlsVersion } from './settings.js'

/**
 * @param words as written, e.g. `all`, `-TLSv1`, `+TLSv1.3`
 * @param fail ends with a message
 */
export function parseProtocols(
  words: readonly string[],
  fail: (message: string) => never,
): { min: TlsVersion; max: TlsVersion } {
  let chosen = new Set<TlsVersion>()
  for (const word of words) {
    const [, sign = '', name = ''] = /^([+-]?)(.*)$/.exec(word) ?? []
    const named = versionsOf(name, sign, fail)
    if (sign === '') chosen = new Set(named)
    for (const version of named) {
      if (sign === '-') chosen.delete(version)
      else chosen.add(version)
    }
  }
  const range = TLS_VERSIONS.filter((version) => chosen.has(version))
  const [min] = range
  const max = range.at(-1)
  if (min === undefined || max === undefined) return fail('SSLProtocol: no protocol is left')
  if (TLS_VERSIONS.indexOf(max) - TLS_VERSIONS.indexOf(min) !== range.length - 1)
    fail(
      `SSLProtocol: ${range.join(', ')} leave a version out between them: name a range without gaps, such as "-all +TLSv1.2 +TLSv1.3"`,
    )
  return { min, max }
}

function versionsOf(name: string, sign: string, fail: (message: string) => never): readonly TlsVersion[] {
  const key = name.toLowerCase()
  if (key === 'all') return TLS_VERSIONS
  if (key === 'sslv2' || key === 'sslv3')
    return sign === '-' ? [] : fail(`SSLProtocol: ${name} is not supported: it is insecure`)
  const version = TLS_VERSIONS.find((one) => one.toLowerCase() === key)
  return version === undefined ? fail(`SSLProtocol: Illegal protocol '${name}'`) : [version]
}
