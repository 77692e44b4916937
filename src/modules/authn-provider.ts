/**
 * Contract: where users and their passwords come from. `AuthBasicProvider` and `AuthDigestProvider` name authentication providers; the
 * modules auth_basic and auth_digest ask them, in the order in which they are named.
 *
 * A module offers one in its declaration:
 *
 * @example
 * export const authnFile = {
 *   id: 'authn_file_module',
 *   …
 *   providers: [provide(AUTHN, { name: 'file', checkPassword, getRealmHash })],
 * } satisfies HttpdModule
 *
 * Rules for providers:
 * - Settings of their own are read from `dir`, not from `request.dir`: inside `<AuthnProviderAlias>` the two differ.
 * - They log what went wrong (`'error'`), never a password or a hash. Wrong passwords and unknown users are logged by who asked.
 * - They set nothing on the request, and may be asked twice for one request (a look-up of `DirectoryIndex` authenticates as well).
 * - They answer at once where they can; work that takes long is done in a promise and off the event loop.
 *
 * @see https://httpd.apache.org/docs/2.4/howto/auth.html
 */
import { type Provider, providerGroup } from '../config/provider.js'
import type { Settings } from '../config/settings.js'
import type { Request } from '../request/request.js'

/**
 * What a provider says of a user name and a password.
 * - `'granted'`: this is the user. `{ granted: name }`: it is, and goes by that name from now on (not empty).
 * - `'denied'`: there is such a user, and the password is wrong. No other provider is asked.
 * - `'notFound'`: no such user here; the next provider is asked, in the end the client gets 401.
 * - `'error'`: could not be found out; no other provider is asked, and the request ends with 500. The provider has logged why.
 * - `'busy'`: not now, too much is waiting; no other provider is asked, and the request ends with 503. The provider has logged it.
 */
export type PasswordVerdict =
  | 'granted'
  | 'denied'
  | 'notFound'
  | 'error'
  | 'busy'
  | {
      readonly granted: string
    }

/** The hash functions of digest authentication, by their names in RFC 7616. */
export type DigestAlgorithm = 'MD5' | 'SHA-256'

/**
 * `hash`: the digest of `user:realm:password` in hexadecimal digits (32 of MD5, 64 of SHA-256). `'notFound'` and `'error'` as for
 * {@link PasswordVerdict}.
 */
export type RealmHash = { readonly hash: string } | 'notFound' | 'error'

export interface AuthnProvider extends Provider {
  /** Absent: not for `AuthBasicProvider`. User name and password have one character per byte that the client sent. */
  readonly checkPassword?: (
    request: Request,
    user: string,
    password: string,
    dir: Settings,
  ) => PasswordVerdict | Promise<PasswordVerdict>
  /** Absent: not for `AuthDigestProvider`. `algorithm` is what the client is challenged with, MD5 unless configured otherwise. */
  readonly getRealmHash?: (
    request: Request,
    user: string,
    realm: string,
    dir: Settings,
    algorithm: DigestAlgorithm,
  ) => RealmHash | Promise<RealmHash>
  /**
   * For caches: told what a provider after this one has found, when this one knew nothing.
   * @param from the other's name in `AuthBasicProvider` or `AuthDigestProvider`
   */
  readonly learn?: (request: Request, from: string, found: Found, dir: Settings) => void
}

/** A password that was right, or a hash. */
export type Found =
  | {
      readonly kind: 'password'
      readonly user: string
      readonly password: string
      readonly verdict: PasswordVerdict
    }
  | {
      readonly kind: 'hash'
      readonly user: string
      readonly realm: string
      readonly algorithm: DigestAlgorithm
      readonly hash: string
    }

/** The group to `provide` them in. */
export const AUTHN = providerGroup<AuthnProvider>('authentication provider')
