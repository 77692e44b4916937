/**
 * `<Proxy>` and `<ProxyMatch>`: settings for requests that a backend answers, by its URL. They are laid over the server's settings where other
 * requests get those of directories, so `<Location>` comes after them.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxy
 */
import type { NewSection, SectionCommand, SectionDirective } from '../../config/directive.js'
import { section } from '../../config/directive.js'
import { fnmatch, hasWildcards } from '../../config/fnmatch.js'
import { compileRegex } from '../../config/regex.js'
import { proxyPlaces } from './place.js'

function matcher(cmd: SectionCommand, url: string, isRegex: boolean): NewSection['matches'] {
  if (isRegex) {
    const regex = attempt(cmd, () => compileRegex(url))
    return (name) => proxyPlaces(name).some((place) => regex.test(place))
  }
  const written = url.replace(/^[a-z]+:\/\/[^/]*/i, (origin) => origin.toLowerCase())
  if (hasWildcards(written)) {
    const pattern = fnmatch(written)
    return (name) => proxyPlaces(name).some((place) => pattern.test(place))
  }
  return (name) => proxyPlaces(name).some((place) => place.startsWith(written))
}

function attempt<T>(cmd: SectionCommand, make: () => T): T {
  try {
    return make()
  } catch (error) {
    return cmd.fail(`Regex could not be compiled: ${(error as Error).message}`)
  }
}

function open(match: boolean): SectionDirective['open'] {
  return (cmd, text) => {
    const words = cmd.words(text)
    const tilde = !match && words[0] === '~'
    const [url, ...rest] = tilde ? words.slice(1) : words
    if (url === undefined || url === '')
      return cmd.fail(`${cmd.name}> directive requires additional arguments`)
    if (rest.length > 0)
      cmd.fail(
        `${cmd.name}: parameters (${rest.join(' ')}) are not taken here; write them on the ProxyPass line of that backend`,
      )
    const matches = matcher(cmd, url, match || tilde)
    return { dir: cmd.addSection({ kind: 'Proxy', pattern: text.trim(), matches }) }
  }
}

const SERVER = ['server', 'vhost'] as const

export const proxySections: readonly SectionDirective[] = [
  section({
    name: '<Proxy',
    syntax: 'wildcard-url>',
    contexts: SERVER,
    help: 'Container for directives affecting resources located in the proxied location',
    open: open(false),
  }),
  section({
    name: '<ProxyMatch',
    syntax: 'regex>',
    contexts: SERVER,
    help: 'Container for directives affecting resources located in the proxied location, in regular expression syntax',
    open: open(true),
  }),
]
