/**
 * Names of process groups and application groups, and the variables they may be written with (mod_wsgi's `%{…}` expansion). Only a value
 * that is one variable as a whole is expanded: `x-%{SERVER}` is a literal name. Pure.
 */

export type GroupName =
  | { readonly kind: 'literal'; readonly name: string }
  /** `%{RESOURCE}`: server, port and mount point. */
  | { readonly kind: 'resource' }
  /** `%{SERVER}`: `ServerName` of the virtual host. */
  | { readonly kind: 'server' }
  /** `%{HOST}`: the host the client asked for. */
  | { readonly kind: 'host' }
  /** `%{ENV:name}`: a variable of the request, else of the server process. */
  | { readonly kind: 'environment'; readonly variable: string; readonly text: string }

/** `%{GLOBAL}`: the main interpreter; as a process group: embedded mode. */
export const GLOBAL: GroupName = { kind: 'literal', name: '' }
export const RESOURCE: GroupName = { kind: 'resource' }

const ENVIRONMENT = /^%\{ENV:(.*)\}$/s

export function parseGroupName(text: string): GroupName {
  switch (text) {
    case '%{GLOBAL}':
      return GLOBAL
    case '%{RESOURCE}':
      return RESOURCE
    case '%{SERVER}':
      return { kind: 'server' }
    case '%{HOST}':
      return { kind: 'host' }
  }
  const environment = ENVIRONMENT.exec(text)
  if (environment) return { kind: 'environment', variable: environment[1] as string, text }
  return { kind: 'literal', name: text }
}

/** What the variables stand for in one request. */
export interface GroupNameFacts {
  /** `%{SERVER}`'s text, port included unless it is 80 or 443. */
  server(): string
  host(): string
  /** `%{SERVER}` + `|` + mount URL. */
  resource(): string
  variable(name: string): string | undefined
}

/** The name in force for a request. A variable that is not set leaves its own text as the name, as in mod_wsgi. */
export function expandGroupName(value: GroupName, facts: GroupNameFacts): string {
  switch (value.kind) {
    case 'literal':
      return value.name
    case 'resource':
      return facts.resource()
    case 'server':
      return facts.server()
    case 'host':
      return facts.host()
    case 'environment': {
      const found = facts.variable(value.variable)
      if (found === undefined) return value.text
      if (!found.startsWith('%')) return found
      // Expanded once more, so that `SetEnv G %{GLOBAL}` works; never twice.
      const again = parseGroupName(found)
      return again.kind === 'environment' ? found : expandGroupName(again, facts)
    }
  }
}
