import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { type Directive, directive, take1 } from '../../../src/config/directive.js'
import { settingsKey } from '../../../src/config/settings.js'
import type { HttpdModule } from '../../../src/modules/module.js'
import { ask } from '../../support/http.js'
import { withFront } from '../front.js'

interface Marks {
  readonly marks: readonly string[]
}

const marks = settingsKey<Marks>('marks', { marks: [] }, (base, added) => ({
  marks: [...(base.marks ?? []), ...(added.marks ?? [])],
}))

/** A module whose directive leaves marks, and which answers with all that apply. */
const marking: HttpdModule = {
  id: 'mark_module',
  source: 'mod_mark.c',
  directives: [
    directive({
      name: 'Mark',
      syntax: 'text',
      contexts: ['server', 'vhost', 'directory', 'htaccess'],
      override: 'All',
      help: 'a text',
      ...take1((cmd, word) => {
        const draft = cmd.dir.draft(marks)
        draft.marks = [...(draft.marks ?? []), word]
      }),
    }) satisfies Directive,
  ],
  hooks: {
    fixups: (request) => {
      request.headersOut.set('Marks', request.dir.get(marks).marks.join(', '))
      for (const [name, value] of request.env) request.headersOut.add('Env', `${name}=${value}`)
      request.headersOut.set('Path-Info', request.pathInfo)
      return undefined
    },
  },
}

const MERGE_ORDER = `
Mark server
<If true>
  Mark If
</If>
<Location /x>
  Mark "main:Location"
</Location>
<Directory "\${ROOT}/srv/www">
  Mark main:/srv/www
  <Files a.txt>
    Mark Files-in-Directory
  </Files>
</Directory>
<Directory "\${ROOT}/srv">
  <If "-f %{REQUEST_FILENAME}">
    Mark If-in-Directory
  </If>
  Mark /srv
</Directory>
<VirtualHost *:*>
  DocumentRoot "\${ROOT}/srv/www"
  Mark vhost
  <LocationMatch "^/x/(?<file>[^/]*)">
    Mark LocationMatch
  </LocationMatch>
  <Location /x/a.txt>
    Mark "Location /a"
  </Location>
  <Location />
    Mark "Location /"
  </Location>
  <FilesMatch "\\.txt$">
    Mark FilesMatch
  </FilesMatch>
  <Files a.txt>
    Mark Files
  </Files>
  <DirectoryMatch "/www/">
    Mark DirectoryMatch
  </DirectoryMatch>
  <Directory "\${ROOT}/srv/www">
    Mark vhost:/srv/www
  </Directory>
  <Directory "\${ROOT}/srv/w*">
    Mark /srv/w*
  </Directory>
</VirtualHost>
`

test("sections are merged in httpd's order", async () => {
  await withFront(
    MERGE_ORDER,
    { files: { 'srv/www/x/a.txt': 'x' }, modules: [marking] },
    async ({ port }) => {
      const expected = [
        'server',
        'vhost',
        '/srv',
        'main:/srv/www',
        'vhost:/srv/www',
        '/srv/w*',
        'DirectoryMatch',
        'FilesMatch',
        'Files',
        'Files-in-Directory',
        'main:Location',
        'LocationMatch',
        'Location /a',
        'Location /',
        'If',
        'If-in-Directory',
      ]
      for (let round = 0; round < 2; round++) {
        const { headers } = await ask(port, '/x/a.txt')
        assert.deepEqual(headers.marks?.toString().split(', '), expected)
        assert.equal(headers.env, 'MATCH_FILE=a.txt')
      }
    },
  )
})

test('what follows a file is path info, and what follows nothing', async () => {
  await withFront(
    'AcceptPathInfo On',
    { files: { 'd/a.txt': 'x' }, modules: [marking] },
    async ({ port }) => {
      assert.equal((await ask(port, '/d/a.txt/b/c')).headers['path-info'], '/b/c')
      assert.equal((await ask(port, '/d/a.txt/')).headers['path-info'], '/')
      assert.equal((await ask(port, '/d/a.txt')).headers['path-info'], '')
      assert.equal((await ask(port, '/d/none/b')).status, 404)
    },
  )
  await withFront('', { files: { 'd/a.txt': 'x' } }, async ({ port }) => {
    assert.equal((await ask(port, '/d/a.txt/b/c')).status, 404)
    assert.equal((await ask(port, '/d/a.txt/')).status, 404)
  })
})

const LINKED = {
  files: { 'real/a.txt': 'x', 'd/b.txt': 'x' },
  prepare: (root: string) => {
    symlinkSync(path.join(root, 'real'), path.join(root, 'link'))
    symlinkSync(path.join(root, 'real/a.txt'), path.join(root, 'd/a.txt'))
    symlinkSync('nowhere', path.join(root, 'dangling'))
  },
}

test('symbolic links are followed by default, and not without the option', async () => {
  const options = (words: string) => `<Directory "\${ROOT}">\nOptions ${words}\n</Directory>`
  await withFront('', LINKED, async ({ port }) => {
    assert.equal((await ask(port, '/link/a.txt')).status, 200)
    assert.equal((await ask(port, '/dangling')).status, 403)
  })
  await withFront(options('None'), LINKED, async ({ port, records }) => {
    assert.equal((await ask(port, '/link/a.txt')).status, 403)
    assert.equal((await ask(port, '/d/a.txt')).status, 403)
    assert.equal((await ask(port, '/d/b.txt')).status, 200)
    assert.equal(records.filter((record) => record.includes('AH00037')).length, 2)
  })
  await withFront(options('SymLinksIfOwnerMatch'), LINKED, async ({ port }) => {
    assert.equal((await ask(port, '/link/a.txt')).status, 200)
  })
})

test('what is neither file nor directory is refused', async () => {
  const options = { prepare: (root: string) => void spawnSync('mkfifo', [path.join(root, 'fifo')]) }
  await withFront('', options, async ({ port, records }) => {
    assert.equal((await ask(port, '/fifo')).status, 403)
    assert.match(records.join(), /neither a file nor a directory/)
  })
})

test('a directory that may not be searched is named in the log', {
  skip: process.getuid?.() === 0 && 'root may search every directory',
}, async () => {
  const options = {
    files: { 'closed/a.txt': 'x' },
    prepare: (root: string) => chmodSync(path.join(root, 'closed'), 0o600),
  }
  await withFront('', options, async ({ port, root, records }) => {
    assert.equal((await ask(port, '/closed/a.txt')).status, 403)
    assert.match(records.join(), new RegExp(`AH00035 .*${root}/closed/a\\.txt`))
    chmodSync(path.join(root, 'closed'), 0o700)
  })
})

test('files that come and go are seen at once', async () => {
  await withFront('', { files: { 'd/a.txt': 'x' } }, async ({ port, root }) => {
    assert.equal((await ask(port, '/d/b.txt')).status, 404)
    writeFileSync(path.join(root, 'd/b.txt'), 'y')
    assert.equal((await ask(port, '/d/b.txt')).text, 'y')
    assert.equal((await ask(port, '/e/c.txt')).status, 404)
    mkdirSync(path.join(root, 'e'))
    writeFileSync(path.join(root, 'e/c.txt'), 'z')
    assert.equal((await ask(port, '/e/c.txt')).text, 'z')
  })
})
