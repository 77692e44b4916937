import assert from 'node:assert/strict'
import { test } from 'node:test'
import { core } from '../../src/modules/core.js'
import { asidePaths, isAside } from '../../src/request/aside.js'
import { siteOf } from '../support/site.js'

const CONF = `
<Location "/ready">
    SetHandler server-ready
</Location>
<Location "/status">
    SetHandler server-status
</Location>
<LocationMatch "^/any">
    SetHandler server-ready
</LocationMatch>
<Location "/wild*">
    SetHandler server-ready
</Location>
<VirtualHost *:80>
    ServerName own
    <Location "/metrics">
        SetHandler server-metrics
    </Location>
</VirtualHost>
`

test('what MaxRequestWorkers does not hold up is named by a plain Location, in its own server', () => {
  const site = siteOf(CONF, [core])
  const [host] = site.virtualHosts
  assert.ok(host)
  const paths = asidePaths(site)
  const rows: [server: typeof host, method: string, path: string, aside: boolean][] = [
    [site.main, 'GET', '/ready', true],
    [site.main, 'HEAD', '/ready', true],
    [site.main, 'POST', '/ready', false],
    [site.main, 'GET', '/ready/', false],
    [site.main, 'GET', '/status', false],
    [site.main, 'GET', '/any', false],
    [site.main, 'GET', '/wild*', false],
    [site.main, 'GET', '/metrics', false],
    [host, 'GET', '/metrics', true],
    [host, 'GET', '/ready', true],
  ]
  for (const [server, method, path, aside] of rows)
    assert.equal(isAside(paths, server, method, path), aside, `${method} ${path}`)
  assert.equal(asidePaths(siteOf('', [core])).size, 0)
})
