/**
 * mod_env: `SetEnv`, `PassEnv` and `UnsetEnv`. Variables are set in fixups: in time for handlers and logs, too late for access control.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_env.html
 */
import { directive, iterate, take12 } from '../config/directive.js'
import { type Draft, settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import type { HttpdModule, Outcome } from './module.js'
import { setVariable } from './variables.js'

interface EnvDir {
  readonly vars: ReadonlyMap<string, string>
  /** Names to take away from what outer sections set. */
  readonly unset: readonly string[]
}

export const envDir = settingsKey<EnvDir>('env', { vars: new Map(), unset: [] }, (base, added) => {
  const vars = new Map(base.vars)
  for (const name of added.unset ?? []) vars.delete(name)
  for (const [name, value] of added.vars ?? []) vars.set(name, value)
  return { vars, unset: [] }
})

const EVERYWHERE = { contexts: ['server', 'vhost', 'directory', 'htaccess'], override: 'FileInfo' } as const

/** What the directives of a scope have set so far. They add to it: a copy for each of thousands of lines would take minutes. */
function varsOf(draft: Draft<EnvDir>): Map<string, string> {
  const vars = (draft.vars as Map<string, string> | undefined) ?? new Map<string, string>()
  draft.vars = vars
  return vars
}

const directives = [
  directive({
    name: 'SetEnv',
    syntax: 'env-variable [value]',
    ...EVERYWHERE,
    help: 'an environment variable name and optional value to pass to CGI.',
    ...take12((cmd, name, value = '') => {
      varsOf(cmd.dir.draft(envDir)).set(name, value)
    }),
  }),
  directive({
    name: 'PassEnv',
    syntax: 'env-variable [env-variable] ...',
    ...EVERYWHERE,
    help: 'a list of environment variables to pass to CGI.',
    ...iterate((cmd, names) => {
      const vars = varsOf(cmd.dir.draft(envDir))
      for (const name of names) {
        const value = cmd.environment[name]
        if (value === undefined) cmd.warn(`PassEnv variable ${name} was undefined`, 'AH01506')
        else vars.set(name, value)
      }
    }),
  }),
  directive({
    name: 'UnsetEnv',
    syntax: 'env-variable [env-variable] ...',
    ...EVERYWHERE,
    help: 'a list of variables to remove from the CGI environment.',
    ...iterate((cmd, names) => {
      const draft = cmd.dir.draft(envDir)
      for (const name of names) varsOf(draft).delete(name)
      draft.unset = [...(draft.unset ?? []), ...names]
    }),
  }),
]

function fixups(request: Request): Outcome {
  const settings = request.dir.get(envDir)
  if (settings === envDir.defaults) return undefined
  for (const [name, value] of settings.vars) setVariable(request.env, name, value)
  return undefined
}

export const env = {
  id: 'env_module',
  source: 'mod_env.c',
  directives,
  hooks: { fixups },
  needs: { fixups: [envDir] },
} satisfies HttpdModule
