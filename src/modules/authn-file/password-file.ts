/**
 * The text of password files: lines of `user:hash` (htpasswd) or `user:realm:hash` (htdigest), what follows a further colon ignored. Pure.
 */

/** The stored password hash of each user. Of lines for one user the first counts. */
export type Passwords = ReadonlyMap<string, string>

/** Stored hashes by user and realm, see {@link realmKey}. */
export type RealmHashes = ReadonlyMap<string, readonly string[]>

export function parsePasswords(text: string): Passwords {
  const passwords = new Map<string, string>()
  for (const [user, hash] of entries(text)) {
    if (user !== undefined && hash !== undefined && !passwords.has(user)) passwords.set(user, hash)
  }
  return passwords
}

/** A realm may stand for one user in several lines, with hashes of different algorithms. */
export function parseRealmHashes(text: string): RealmHashes {
  const hashes = new Map<string, string[]>()
  for (const [user, realm, hash] of entries(text)) {
    if (user === undefined || realm === undefined || hash === undefined) continue
    const key = realmKey(user, realm)
    const known = hashes.get(key)
    if (known === undefined) hashes.set(key, [hash])
    else known.push(hash)
  }
  return hashes
}

/** Neither name can contain a colon: it ends them in the file. */
export function realmKey(user: string, realm: string): string {
  return `${user}:${realm}`
}

function* entries(text: string): Iterable<string[]> {
  for (const line of text.split('\n')) {
    if (line.startsWith('#') || line.trim() === '') continue
    yield line.trimEnd().split(':')
  }
}
