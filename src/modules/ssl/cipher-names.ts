/**
 * Which ciphers a list in OpenSSL's words stands for. Node does not tell; but it does tell whether a list is empty.
 * Words: https://docs.openssl.org/3.0/man1/openssl-ciphers/
 */
import { createSecureContext, getCiphers } from 'node:tls'

/** Ciphers that connections may have if a server's `SSLCipherSuite` names them, beside those that Node tells of. */
const UNUSUAL = `
  ECDHE-ECDSA-AES256-CCM ECDHE-ECDSA-AES256-CCM8 ECDHE-ECDSA-AES128-CCM ECDHE-ECDSA-AES128-CCM8
  DHE-RSA-AES256-CCM DHE-RSA-AES256-CCM8 DHE-RSA-AES128-CCM DHE-RSA-AES128-CCM8
  AES256-CCM AES256-CCM8 AES128-CCM AES128-CCM8
  ECDHE-ECDSA-ARIA256-GCM-SHA384 ECDHE-ECDSA-ARIA128-GCM-SHA256 ECDHE-ARIA256-GCM-SHA384 ECDHE-ARIA128-GCM-SHA256
  DHE-RSA-ARIA256-GCM-SHA384 DHE-RSA-ARIA128-GCM-SHA256 ARIA256-GCM-SHA384 ARIA128-GCM-SHA256
  ECDHE-ECDSA-CAMELLIA256-SHA384 ECDHE-ECDSA-CAMELLIA128-SHA256 ECDHE-RSA-CAMELLIA256-SHA384 ECDHE-RSA-CAMELLIA128-SHA256
  DHE-RSA-CAMELLIA256-SHA256 DHE-RSA-CAMELLIA128-SHA256 DHE-RSA-CAMELLIA256-SHA DHE-RSA-CAMELLIA128-SHA
  CAMELLIA256-SHA256 CAMELLIA128-SHA256 CAMELLIA256-SHA CAMELLIA128-SHA
`
/** What a server with certificates and without shared secrets never has, or must never have. */
const NEVER = ['!PSK', '!SRP', '!aDSS', '!aNULL', '!eNULL']

/** Lists may stand in `.htaccess` files, which are read again whenever they change. */
const REMEMBERED_MAX = 100
const known = new Map<string, ReadonlySet<string>>()

/** @returns OpenSSL's names of the ciphers of TLS 1.2 and older; none where the list is senseless */
export function cipherNames(list: string): ReadonlySet<string> {
  let names = known.get(list)
  if (names === undefined) {
    names = expand(list)
    if (known.size >= REMEMBERED_MAX) known.clear()
    known.set(list, names)
  }
  return names
}

/** A cipher belongs to the list if something is left of it when all others are taken out for good. */
function expand(list: string): ReadonlySet<string> {
  if (!hasAny([list, ...NEVER])) return new Set()
  const all = allNames()
  const without = (name?: string) => [
    list,
    ...NEVER,
    ...all.filter((one) => one !== name).map((one) => `!${one}`),
  ]
  // a cipher that is unknown here would make every other one look as if it belonged to the list
  if (hasAny(without())) throw new Error('the TLS library has ciphers that are unknown here')
  return new Set(all.filter((name) => hasAny(without(name))))
}

function allNames(): string[] {
  const told = getCiphers()
    .map((name) => name.toUpperCase())
    .filter((name) => !/^TLS_|PSK|SRP/.test(name))
  return [...told, ...(UNUSUAL.match(/\S+/g) ?? []).filter((name) => hasAny([name]))]
}

function hasAny(words: readonly string[]): boolean {
  try {
    createSecureContext({ ciphers: words.join(':') })
    return true
  } catch {
    return false
  }
}
