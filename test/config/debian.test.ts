/** The configuration that Debian installs is read as it is, where this machine has it with the modules that Debian enables. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { readEnvvars } from '../../src/cli/envvars.js'
import { loadSite } from '../../src/config/load.js'
import { vocabulary } from '../../src/modules/registry.js'

const ROOT = '/etc/apache2'
const ENABLED_BY_DEFAULT =
  `access_compat alias auth_basic authn_core authn_file authz_core authz_host authz_user autoindex deflate dir env
  filter mime mpm_event negotiation reqtimeout setenvif status wsgi`.split(/\s+/)

function reasonToSkip(): string | false {
  if (!existsSync(`${ROOT}/apache2.conf`)) return `no ${ROOT}/apache2.conf here`
  const others = readdirSync(`${ROOT}/mods-enabled`)
    .map((file) => file.replace(/\.(load|conf)$/, ''))
    .filter((name) => !ENABLED_BY_DEFAULT.includes(name))
  return others.length > 0 && `${ROOT} has further modules: ${others.join(', ')}`
}

test('the stock Debian tree has no faults', { skip: reasonToSkip() }, () => {
  const environment = { ...process.env, ...readEnvvars(`${ROOT}/apache2.conf`, process.env) }
  const written: string[] = []
  const loaded = loadSite(
    { program: 'wsgi-httpd', file: `${ROOT}/apache2.conf`, serverRoot: ROOT, environment, vocabulary },
    (text) => written.push(text),
  )
  assert.deepEqual(written, [])
  const files = JSON.stringify(loaded?.tree.includes)
  for (const file of ['ports.conf', 'mods-enabled/mime.conf', 'conf-enabled/security.conf'])
    assert.ok(files.includes(file), file)
})
