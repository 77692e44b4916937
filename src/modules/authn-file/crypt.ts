/**
 * crypt(3) of the system: of libcrypt where there is one, else of the C library (musl, macOS). Which kinds of hash it computes depends on the
 * system: libxcrypt, which Linux distributions have, knows all that `htpasswd` writes.
 */
import { foreign } from '../../system/libc.js'

type CryptFunction = (password: Uint8Array, setting: Uint8Array, data: Uint8Array) => string | null

/** `struct crypt_data`: 32 KiB in libxcrypt, 128 KiB in old glibc. */
const DATA_BYTES = 256 * 1024

/** Shared libraries that may have it, in order; null is what the process has loaded already. */
const LIBRARIES = ['libcrypt.so.1', 'libcrypt.so.2', null]

/** By the letters that settings may be made of; what else stands in a file must not reach a C function. */
const SETTING = /^[\x21-\x39\x3b-\x7e]{2,384}$/

let found: { readonly call: CryptFunction | undefined } | undefined
let data: Uint8Array | undefined

/**
 * The hash of a password with the kind and salt of `setting` (a stored hash). Not for more than one thread of a process at a time.
 * @param password one character per byte, without NUL
 * @returns undefined where the system does not know that kind
 */
export function crypt(password: string, setting: string): string | undefined {
  if (!SETTING.test(setting)) return undefined
  found ??= { call: findCrypt() }
  if (found.call === undefined) return undefined
  data ??= new Uint8Array(DATA_BYTES)
  const hash = found.call(cString(password), cString(setting), data)
  // failure is a null pointer, or text that no hash begins with
  return hash === null || hash === '' || hash.startsWith('*') ? undefined : hash
}

function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`, 'latin1')
}

function findCrypt(): CryptFunction | undefined {
  for (const name of LIBRARIES) {
    try {
      const library = foreign().load(name)
      return library.func('str crypt_r(const uint8_t *, const uint8_t *, void *)') as unknown as CryptFunction
    } catch {
      // not there, or without the function
    }
  }
  return undefined
}
