/**
 * The providers that `AuthBasicProvider` or `AuthDigestProvider` names, asked one after the other until one knows the user.
 */
import type { Command } from '../config/directive.js'
import type { Request } from '../request/request.js'
import { AUTHN, type AuthnProvider, type Found } from './authn-provider.js'

/** What a provider must be able to do to be named. */
export type Ability = 'checkPassword' | 'getRealmHash'

const TYPES: Readonly<Record<Ability, string>> = { checkPassword: 'Basic', getRealmHash: 'Digest' }

/** The providers for the words of a directive. Ends in `cmd.fail` for one that there is not, or that cannot do what is needed. */
export function readChain(cmd: Command, names: readonly string[], ability: Ability): AuthnProvider[] {
  return names.map((name) => {
    const provider = cmd.provider(AUTHN, name)
    if (provider === undefined) {
      const there = cmd.providers(AUTHN).map((one) => one.name)
      return cmd.fail(`Unknown Authn provider: ${name}\nThere is ${there.join(', ')}.`)
    }
    if (provider[ability] === undefined)
      cmd.fail(`The '${name}' Authn provider doesn't support ${TYPES[ability]} Authentication`)
    return provider
  })
}

/**
 * Asks the providers in turn.
 * @param found what those before are told of an answer, undefined for nothing
 * @returns the first answer that is not `'notFound'`, else that
 */
export async function askChain<Verdict>(
  request: Request,
  providers: readonly AuthnProvider[],
  ask: (provider: AuthnProvider) => Verdict | 'notFound' | Promise<Verdict | 'notFound'>,
  found: (verdict: Verdict) => Found | undefined,
): Promise<Verdict | 'notFound'> {
  for (const [at, provider] of providers.entries()) {
    const verdict = await ask(provider)
    if (verdict === 'notFound') continue
    const facts = at === 0 ? undefined : found(verdict as Verdict)
    if (facts !== undefined)
      for (const before of providers.slice(0, at)) before.learn?.(request, provider.name, facts, request.dir)
    return verdict
  }
  return 'notFound'
}
