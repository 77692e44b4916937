/**
 * Providers: parts of one module that directives of another choose by name, such as the `file` of `AuthBasicProvider file` or the `ip` of
 * `Require ip`. Modules list theirs as data; a directive finds them through its command, and a section such as `<AuthnProviderAlias>` may
 * add more. httpd's ap_lookup_provider.
 */

export interface Provider {
  /** As directives name it; case counts. */
  readonly name: string
}

/** A kind of provider, and the type that all of that kind have. */
export interface ProviderGroup<T extends Provider> {
  readonly name: string
  /** Never set; carries the type alone. */
  readonly of?: T
}

/** A provider and the group it belongs to. */
export interface Provided {
  readonly group: ProviderGroup<Provider>
  readonly provider: Provider
}

export function providerGroup<T extends Provider>(name: string): ProviderGroup<T> {
  return { name }
}

/** An entry of a module's `providers`. */
export function provide<T extends Provider>(group: ProviderGroup<T>, provider: T): Provided {
  return { group, provider }
}

/** All providers of a group among these, in order. */
export function providersOf<T extends Provider>(all: readonly Provided[], group: ProviderGroup<T>): T[] {
  // without a closure or an array for each of them: asked for with every Require of a configuration
  const found: T[] = []
  for (const one of all) if (one.group === group) found.push(one.provider as T)
  return found
}
