/** What `WSGITrustedProxyHeaders` and `WSGITrustedProxies` make of a request; as observed on mod_wsgi 4.9 where nothing else is said. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { believeProxy, type ProxyFacts } from '../../src/wsgi/trusted-proxy.js'
import { withServer } from '../support/server.js'

interface Case {
  readonly name: string
  /** As in the directive, in lower case. */
  readonly listed: string
  /** Addresses of proxies; absent: everybody is believed. */
  readonly proxies?: readonly string[]
  /** `Name: value` lines. */
  readonly sent: readonly string[]
  readonly expected: Partial<ProxyFacts>
  /** Header lines that are left; as sent where absent. */
  readonly left?: readonly string[]
}

const PEER = '192.0.2.1'
const ALL =
  'x-forwarded-for x-forwarded-host x-forwarded-server x-forwarded-port x-script-name x-forwarded-proto'

const CASES: readonly Case[] = [
  {
    name: 'everybody is believed without a list: the first address, the header stays',
    listed: 'x-forwarded-for',
    sent: ['X-Forwarded-For: , 198.51.100.1, 198.51.100.2'],
    expected: { remoteAddress: '198.51.100.1' },
  },
  {
    name: 'each category',
    listed: ALL,
    sent: [
      'Host: inner',
      'X-Forwarded-Host: outer.example',
      'X-Forwarded-Server: front',
      'X-Forwarded-Port: 8443',
      'X-Script-Name: /mount',
      'X-Forwarded-Proto: HTTPS',
    ],
    expected: { serverName: 'front', serverPort: '8443', mountPoint: '/mount', scheme: 'https' },
    left: [
      'X-Forwarded-Host: outer.example',
      'X-Forwarded-Server: front',
      'X-Forwarded-Port: 8443',
      'X-Script-Name: /mount',
      'X-Forwarded-Proto: HTTPS',
      'Host: outer.example',
    ],
  },
  {
    name: 'the one listed last wins, all others of its category go',
    listed: 'x-real-ip x-forwarded-for x-client-ip',
    sent: ['X-Client-IP: 198.51.100.7', 'X-Real-IP: 198.51.100.8', 'X-Forwarded-For: 198.51.100.9'],
    expected: { remoteAddress: '198.51.100.7' },
    left: ['X-Client-IP: 198.51.100.7'],
  },
  {
    name: 'synonyms go that are not listed',
    listed: 'x-forwarded-proto',
    sent: ['X-Scheme: http', 'X-Forwarded-Proto: https', 'X-Forwarded-For: 198.51.100.9'],
    expected: { scheme: 'https' },
    left: ['X-Forwarded-Proto: https', 'X-Forwarded-For: 198.51.100.9'],
  },
  {
    name: 'left of the row of proxies',
    listed: 'x-forwarded-for',
    proxies: [PEER, '10.0.0.1', '10.0.0.2'],
    sent: ['X-Forwarded-For: 10.0.0.2, 198.51.100.1', 'X-Forwarded-For: 10.0.0.1,10.0.0.2'],
    expected: { remoteAddress: '198.51.100.1' },
    left: ['X-Forwarded-For: 198.51.100.1, 10.0.0.1, 10.0.0.2'],
  },
  {
    name: 'no proxy in the list: the last',
    listed: 'x-forwarded-for',
    proxies: [PEER],
    sent: ['X-Forwarded-For: 198.51.100.1, 198.51.100.2'],
    expected: { remoteAddress: '198.51.100.2' },
    left: ['X-Forwarded-For: 198.51.100.2'],
  },
  {
    name: 'proxies alone: the first',
    listed: 'x-forwarded-for',
    proxies: [PEER, '10.0.0.1', '10.0.0.2'],
    sent: ['X-Forwarded-For: 10.0.0.1, 10.0.0.2'],
    expected: { remoteAddress: '10.0.0.1' },
  },
  {
    name: 'what is no address ends the row',
    listed: 'x-forwarded-for',
    proxies: [PEER, '10.0.0.1'],
    sent: ['X-Forwarded-For: 198.51.100.1, unknown, 10.0.0.1'],
    expected: { remoteAddress: 'unknown' },
    left: ['X-Forwarded-For: unknown, 10.0.0.1'],
  },
  {
    name: 'who is no proxy may say nothing',
    listed: ALL,
    proxies: ['10.0.0.1'],
    sent: [
      'X-Forwarded-For: 10.0.0.1',
      'X-Scheme: https',
      'X-Forwarded-SSL: on',
      'Host: inner',
      'X-Other: 1',
    ],
    expected: {},
    left: ['Host: inner', 'X-Other: 1'],
  },
  {
    name: 'a scheme that nobody knows is http',
    listed: 'x-forwarded-ssl',
    sent: ['X-Forwarded-SSL: maybe'],
    expected: { scheme: 'http' },
  },
  {
    name: 'empty values and a port that is none say nothing',
    listed: ALL,
    sent: ['X-Forwarded-For: ', 'X-Forwarded-Port: x', 'X-Forwarded-Proto: '],
    expected: {},
    left: ['X-Forwarded-Port: x'],
  },
]

const NOTHING: Partial<ProxyFacts> = {
  remoteAddress: undefined,
  serverName: undefined,
  serverPort: undefined,
  mountPoint: undefined,
  scheme: undefined,
}

describe('a trusted proxy', () => {
  for (const { name, listed, proxies, sent, expected, left } of CASES) {
    test(name, () => {
      const isProxy = proxies && ((address: string) => proxies.includes(address))
      const rawHeaders = sent.flatMap((line) => line.split(': '))
      const { rawHeaders: headers, ...facts } = believeProxy(
        { headers: listed.split(' '), isProxy },
        rawHeaders,
        PEER,
      )
      assert.deepEqual(facts, { ...NOTHING, ...expected })
      assert.deepEqual(
        headers,
        (left ?? sent).flatMap((line) => line.split(': ')),
      )
    })
  }
})

const APPLICATION = `
def application(environ, start_response):
    start_response('200 OK', [])
    keys = ('REMOTE_ADDR', 'HTTP_HOST', 'SERVER_NAME', 'SERVER_PORT', 'SCRIPT_NAME', 'PATH_INFO', 'wsgi.url_scheme',
            'mod_wsgi.mount_point', 'mod_wsgi.script_name', 'HTTP_X_REAL_IP', 'wsgi.version')
    return ['|'.join(str(environ.get(key)) for key in keys).encode('ascii')]
`

test('on the server', async () => {
  const conf = `
WSGIDaemonProcess one
WSGIProcessGroup one
WSGIScriptAlias /app \${ROOT}/apps/app.wsgi
<Location /app>
  WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Host
  WSGITrustedProxyHeaders X-Forwarded-Port X-Forwarded-Server X-Script-Name X-Forwarded-Proto
</Location>
<Location /app/stranger>
  WSGITrustedProxies 10.0.0.0/8 2001:db8::/32
</Location>
<Location /app/old>
  WSGIHttpdInterfaceVersion 1.0
</Location>
`
  await withServer({ conf, apps: { 'app.wsgi': APPLICATION } }, async (server) => {
    const headers = {
      Host: 'inner',
      'X-Forwarded-For': '198.51.100.1',
      'X-Real-IP': '198.51.100.2',
      'X-Forwarded-Host': 'outer',
      'X-Forwarded-Server': 'front',
      'X-Forwarded-Port': '81',
      'X-Script-Name': '/outside',
      'X-Forwarded-Proto': 'https',
    }
    const text = async (place: string) => (await server.get(place, { headers })).text
    assert.equal(
      await text('/app/here'),
      '198.51.100.1|outer|front|81|/outside|/here|https|/outside|/app|None|(1, 1)',
    )
    assert.equal(
      await text('/app/stranger'),
      `127.0.0.1|inner|inner|80|/app|/stranger|http|None|/app|None|(1, 1)`,
    )
    assert.match(await text('/app/old'), /\|\(1, 0\)$/)
  })
})
