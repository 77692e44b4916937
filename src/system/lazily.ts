/**
 * A value that is made when it is first asked for. For what most starts have no use for: a part of Node that has to be read, a table, a secret.
 */
export function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
