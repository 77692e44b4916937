/**
 * `SSLProxy…`: TLS to the backends of mod_proxy. A backend with an `https` URL is always spoken to over TLS, with the versions and ciphers
 * of the TLS library and with its certificate verified; so these directives can only say what holds anyway, or ask for less, which is a warning.
 * What would ask for more (a CA of one's own, a client certificate) is refused as not carried: src/modules/elsewhere.ts.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_ssl.html
 */
import { argv, type Command, type Directive, directive } from '../../config/directive.js'

const OWN_CIPHERS = 'backends are spoken to with the versions and ciphers of the TLS library'
const VERIFIED = 'the certificate of an https backend is always verified, its name and its dates included'

interface Rule {
  readonly name: string
  readonly syntax: string
  readonly why: string
  /** Words that ask for what is done anyway; others are a warning. */
  readonly asIs: RegExp
}

const RULES: readonly Rule[] = [
  {
    name: 'SSLProxyEngine',
    syntax: 'on|off',
    why: 'the scheme of a backend’s URL says whether TLS is spoken',
    asIs: /^(on|off)$/i,
  },
  { name: 'SSLProxyCipherSuite', syntax: '[protocol] cipher-spec', why: OWN_CIPHERS, asIs: /^PROFILE=/i },
  { name: 'SSLProxyProtocol', syntax: '[+|-]protocol ...', why: OWN_CIPHERS, asIs: /^all\b/i },
  { name: 'SSLProxyVerify', syntax: 'none|optional|require', why: VERIFIED, asIs: /^require$/i },
  { name: 'SSLProxyVerifyDepth', syntax: 'number', why: VERIFIED, asIs: /^\d+$/ },
  { name: 'SSLProxyCheckPeerCN', syntax: 'on|off', why: VERIFIED, asIs: /^on$/i },
  { name: 'SSLProxyCheckPeerName', syntax: 'on|off', why: VERIFIED, asIs: /^on$/i },
  { name: 'SSLProxyCheckPeerExpire', syntax: 'on|off', why: VERIFIED, asIs: /^on$/i },
]

export const backendDirectives: readonly Directive[] = RULES.map(({ name, syntax, why, asIs }) =>
  directive({
    name,
    syntax,
    contexts: ['server', 'vhost', 'directory'],
    help: 'Has no effect',
    accepted: why,
    ...argv((cmd: Command, words) => {
      if (words.length === 0) cmd.fail(`${name} takes at least one argument`)
      if (!asIs.test(words.join(' '))) cmd.warn(`${name} ${words.join(' ')} has no effect: ${why}`)
    }),
  }),
)
