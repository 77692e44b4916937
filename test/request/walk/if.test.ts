/** `<If>`, `<ElseIf>` and `<Else>` on the real server, in every place, and the other directives that take expressions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withServer } from '../../support/server.js'

const conf = `
LoadModule headers_module modules/mod_headers.so
Header always append X "server"
<If "%{QUERY_STRING} =~ /a/">
    Header always append X "a"
    <If "%{QUERY_STRING} =~ /ab/">
        Header always append X "ab"
    </If>
    <ElseIf "%{QUERY_STRING} =~ /ac/">
        Header always append X "ac"
    </ElseIf>
    <Else>
        Header always append X "a-else"
    </Else>
</If>
<ElseIf "-z %{QUERY_STRING}">
    Header always append X "none"
</ElseIf>
<Else>
    Header always append X "else"
</Else>
<Location /p>
    <If "%{REQUEST_URI} == '/p/closed'">
        Require all denied
    </If>
    Header always append X "location"
</Location>
<Directory "\${ROOT}/htdocs">
    <If "-f %{REQUEST_FILENAME}">
        Header always append X "file"
        <Files "*.txt">
            Header always append X "txt"
        </Files>
    </If>
</Directory>
<Location /expr>
    Require expr "%{QUERY_STRING} == 'open' || -U '/p/open'"
    Require expr "%{REQUEST_METHOD} == 'HEAD'"
</Location>
<Location /closed>
    Require expr "-U '/p/closed' || %{REMOTE_HOST} -ipmatch '10.0.0.0/8'"
</Location>
<Location /to>
    Redirect 303 "http://other.example%{PATH_INFO}/%{tolower:%{QUERY_STRING}}"
</Location>
<Location /h>
    SetHandler "expr=%{req:X-Handler}"
    ErrorDocument 500 "no %{HANDLER} for %{REQUEST_URI}"
</Location>
SetEnvIfExpr "%{REQUEST_URI} =~ m#^/env/(.*)#" seen=$1 !gone
Header always set Seen "expr=%{reqenv:seen}" "expr=-n reqenv('seen')"
CustomLog errors.log "%U" "expr=%{REQUEST_STATUS} -ge 400"
`

test('expressions decide', async () => {
  const files = {
    'htdocs/a.txt': 'a',
    'htdocs/b.html': 'b',
    'htdocs/p/open': 'open',
    'htdocs/p/closed': 'x',
    'htdocs/expr': 'e',
  }
  await withServer({ conf, files, python: 'none' }, async (server) => {
    const x = async (place: string) => {
      const { status, headers } = await server.get(place)
      return [status, headers.x]
    }
    assert.deepEqual(await x('/a.txt'), [200, 'server, none, file, txt'])
    assert.deepEqual(await x('/b.html?ab'), [200, 'server, a, ab, file'])
    assert.deepEqual(await x('/b.html?ac'), [200, 'server, a, ac, file'])
    assert.deepEqual(await x('/b.html?a'), [200, 'server, a, a-else, file'])
    assert.deepEqual(await x('/gone?x'), [404, 'server, else'])
    assert.deepEqual(await x('/p/open'), [200, 'server, location, none, file'])
    assert.equal((await server.get('/p/closed')).status, 403)
    assert.equal((await server.get('/expr?open')).status, 200)
    assert.equal((await server.get('/expr')).status, 200)
    assert.equal((await server.get('/closed')).status, 403)
    const sent = await server.get('/to?ABC')
    assert.deepEqual([sent.status, sent.headers.location], [303, 'http://other.example/abc?ABC'])
    const handled = await server.get('/h', { headers: { 'X-Handler': 'Magic' } })
    assert.deepEqual([handled.status, handled.text], [500, 'no magic for /h'])
    assert.equal((await server.get('/env/1')).headers.seen, '1')
    assert.equal((await server.get('/a.txt')).headers.seen, undefined)
    await server.waitForLog(/\/env\/1\n/, 'errors.log')
    assert.doesNotMatch(server.layout.read('errors.log'), /a\.txt/)
  })
})
