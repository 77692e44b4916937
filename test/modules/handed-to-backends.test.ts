/** Files that a configuration hands to backends (`SetHandler proxy:…`), as sites with PHP-FPM do: never sent as they are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { vocabulary } from '../../src/modules/registry.js'
import { withServer } from '../support/server.js'
import { applyText } from '../support/site.js'

const PHP = `
<FilesMatch ".+\\.ph(?:ar|p|tml)$">
    SetHandler "proxy:unix:/run/php/php-fpm.sock|fcgi://localhost"
</FilesMatch>
`
const SAID = /^SetHandler proxy:unix:.* are not handed to backends .* get 500 where WSGIHttpdUnsupported Warn/

test('a fault, which is told once', () => {
  const { errors } = applyText(PHP + PHP, vocabulary)
  assert.equal(errors.length, 1)
  assert.match(errors[0]?.message ?? '', SAID)
  assert.match(errors[0]?.message ?? '', / \(1 more such lines\)$/)
})

test('a warning where WSGIHttpdUnsupported says so', () => {
  const { errors, site } = applyText(`WSGIHttpdUnsupported Warn\n${PHP}`, vocabulary)
  assert.deepEqual(errors, [])
  assert.match(site.warnings.map(({ message }) => message).join('\n'), SAID)
})

test('such files are refused, and so are those of a .htaccess file', async () => {
  const files = {
    'htdocs/index.php': '<?php secret();',
    'htdocs/plain.txt': 'plain',
    'htdocs/below/.htaccess': PHP,
    'htdocs/below/page.phtml': '<?php secret();',
  }
  const conf = `WSGIHttpdUnsupported Warn\nDirectoryIndex index.php\n<Directory "\${ROOT}/htdocs/below">\nAllowOverride All\n</Directory>\n${PHP}`
  await withServer({ conf, files }, async (server) => {
    for (const path of ['/index.php', '/', '/below/page.phtml']) {
      const { status, text } = await server.get(path)
      assert.equal(status, 500, path)
      assert.doesNotMatch(text, /secret/)
    }
    assert.equal((await server.get('/plain.txt')).text, 'plain')
    assert.match(server.errorLog(), /No module provides the handler "proxy:unix:.*" for .*index\.php/)
  })
})
