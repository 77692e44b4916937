/**
 * Look-ups in a request's variables as httpd makes them: names differ in case only by mistake, so `Require env` and `env=` find them anyway.
 */

/** The value of a variable, whatever the case of its name. Exact names cost one look-up. */
export function variable(env: ReadonlyMap<string, string>, name: string): string | undefined {
  const exact = env.get(name)
  if (exact !== undefined) return exact
  const key = sameName(env, name)
  return key === undefined ? undefined : env.get(key)
}

/** Sets a variable; one that is there under another case keeps its name. */
export function setVariable(env: Map<string, string>, name: string, value: string): void {
  env.set(env.has(name) ? name : (sameName(env, name) ?? name), value)
}

export function unsetVariable(env: Map<string, string>, name: string): void {
  if (env.delete(name)) return
  const key = sameName(env, name)
  if (key !== undefined) env.delete(key)
}

function sameName(env: ReadonlyMap<string, string>, name: string): string | undefined {
  if (env.size === 0) return undefined
  const wanted = name.toLowerCase()
  for (const key of env.keys()) if (key.length === name.length && key.toLowerCase() === wanted) return key
  return undefined
}
