/** What a type map's text says. How it is served: test/conformance/httpd/cases/type-maps.txt. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTypeMap } from '../../src/modules/negotiation/type-map.js'
import { withServer } from '../support/server.js'

const names = (text: string) => parseTypeMap(text, '/srv/a.var').variants.map(({ name }) => name)

test('records of a type map', () => {
  const { variants, fault } = parseTypeMap(
    [
      '# comments count nowhere',
      'URI: page; vary="language"',
      '',
      'uri: page.html.en',
      'Content-Type: Text/HTML; charset="UTF-8"; qs=0.8',
      '# not even here',
      'Content-Language: en,',
      '   en-GB',
      'Description: "a page: (really)"',
      'Content-Length: 17 (bytes)',
      '\t ',
      'URI: packed.gz',
      'Content-Encoding: X-gzip',
      '',
      '',
      'Content-Type: text/plain; qs=7',
      'Body: [end]',
      'one',
      '',
      '# two',
      '[end]',
    ].join('\n'),
    '/srv/a.var',
  )
  assert.equal(fault, undefined)
  const nothing = {
    type: undefined,
    charset: undefined,
    languages: [],
    encodings: [],
    quality: 1,
    size: undefined,
    body: undefined,
  }
  assert.deepEqual(variants, [
    {
      ...nothing,
      name: 'page.html.en',
      type: 'text/html',
      charset: 'utf-8',
      quality: 0.8,
      languages: ['en', 'en-gb'],
      size: 17,
    },
    { ...nothing, name: 'packed.gz', encodings: ['x-gzip'] },
    { ...nothing, name: 'a.var', type: 'text/plain', size: 11, body: 'one\n\n# two\n' },
  ])
})

test('type maps that are none', () => {
  assert.deepEqual(names(''), [])
  assert.deepEqual(names('\n\n#\n'), [])
  assert.deepEqual(names('URI: only.a.name\n'), [])
  assert.deepEqual(names('Content-Type: text/plain\n'), [])
  assert.deepEqual(names('URI: a\r\nContent-Type: text/plain\r\n\r\nURI: b\r\nContent-Type: text/plain'), [
    'a',
    'b',
  ])
  const fault = (text: string) => parseTypeMap(text, '/srv/a.var').fault
  assert.deepEqual(fault('URI a'), {
    code: 'AH00681',
    message: "Syntax error in type map, no ':' in /srv/a.var for header URI a",
    fatal: true,
  })
  assert.match(fault('Body:--x--\ntext\n')?.message ?? '', /no end tag '--x--' found/)
  assert.match(fault('Body:\ntext\n')?.message ?? '', /no end tag ''/)
  assert.match(fault('Content-Length: -1\n')?.message ?? '', /Content-Length: '-1' .* is invalid/)
})

test('what needs server-side includes is not shown as it is written', async () => {
  const conf = `
    AddHandler type-map .var
    ErrorDocument 404 /error/missing.html.var
    <Directory "\${ROOT}/htdocs/error">
        Options IncludesNoExec
    </Directory>
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
    <Directory "\${ROOT}/htdocs/parsed">
        Options +Includes
    </Directory>`
  const files = {
    'htdocs/error/missing.html.var':
      'Content-Language: en\nContent-Type: text/html\nBody:--en--\n<!--#echo var="REQUEST_URI" -->\n--en--\n',
    'htdocs/parsed/secret.shtml': '<p><!--#exec cmd="show --password x" --></p>',
    'htdocs/parsed/plain.shtml': '<p>nothing to run</p>',
    'htdocs/raw/raw.shtml': '<p><!--#echo var="X" --></p>',
  }
  await withServer({ conf, files }, async (server) => {
    const { status, text } = await server.get('/nothing')
    assert.equal(status, 404)
    assert.match(text, /Not Found.*could not be shown either: 500/s)
    assert.doesNotMatch(text, /#echo/)
    const parsed = await server.get('/parsed/secret.shtml')
    assert.equal(parsed.status, 500)
    assert.doesNotMatch(parsed.text, /exec/)
    await server.waitForLog(/WSGH0015: .*secret\.shtml has server-side includes/)
    assert.equal((await server.get('/parsed/plain.shtml')).text, '<p>nothing to run</p>')
    // without the option, httpd sends such files as they are
    assert.match((await server.get('/raw/raw.shtml')).text, /#echo/)
    await server.waitForLog(/WSGH0013: .*missing\.html\.var has server-side includes/)
  })
})
