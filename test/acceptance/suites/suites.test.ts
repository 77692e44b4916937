/**
 * Test suites of frameworks, unmodified, with their test clients' calls made as requests to this server (how: fixtures/bridge.py).
 * Releases are fixed, as the exceptions (fixtures/exceptions.json) name tests of theirs.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { isRoot } from '../../support/cache.js'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../../support/certificates.js'
import { ask } from '../../support/http.js'
import { findPython, skipWithout } from '../../support/pythons.js'
import { type Layout, PROJECT, withServer } from '../../support/server.js'
import { sourceOf, virtualEnvironment } from '../../support/venv.js'
import { giveTo } from '../sites.js'

const FIXTURES = path.join(PROJECT, 'test', 'acceptance', 'suites', 'fixtures')
const SUITE_MAX_MS = 600_000
/** The account that servers of tests run as when root starts them. */
const NOBODY = { uid: 65534, gid: 65534 }

interface Suite {
  /** The release whose source is fetched. */
  readonly release: string
  readonly runner: 'run_django' | 'run_pytest'
  /** For run_pytest: whose test client. */
  readonly client?: 'werkzeug' | 'webob'
  /** Tests to run: Django's applications, or files. */
  readonly labels: readonly string[]
  /** Tests that are not run (pytest's names). */
  readonly leftOut?: readonly string[]
  /** That many requests at least reach applications: a suite that makes none shows nothing. */
  readonly requestsMin: number
}

/** Tests that cannot pass over a connection, by suite and by reason. */
const EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = JSON.parse(
  readFileSync(path.join(FIXTURES, 'exceptions.json'), 'utf8'),
)

interface Report {
  readonly run: number
  readonly skipped: number
  readonly failed: Readonly<Record<string, string>>
  readonly sent: number
  readonly served: number
}

const DJANGO = (findPython('3')?.minor ?? 0) >= 12 ? 'Django==6.1.3' : 'Django==5.2.19'

/** One environment for all: the releases, and what their tests need beside them. */
const REQUIREMENTS = [
  ...[DJANGO, 'Werkzeug==3.1.9', 'Flask==3.1.3', 'WebOb==1.8.11', 'WebTest==3.0.7'],
  ...[
    'jinja2',
    'pytest<9',
    'pytest-timeout',
    'ephemeral-port-reserve',
    'cryptography',
    'watchdog',
    'asgiref',
  ],
  ...['python-dotenv', 'pyquery', 'PasteDeploy', 'WSGIProxy2', 'legacy-cgi; python_version >= "3.13"'],
]

const SUITES: Readonly<Record<string, Suite>> = {
  Django: {
    release: DJANGO,
    runner: 'run_django',
    labels: [
      ...['test_client', 'test_client_regress', 'file_uploads', 'handlers', 'wsgi', 'middleware_exceptions'],
      ...[
        'conditional_processing',
        'messages_tests',
        'view_tests.tests.test_static',
        'view_tests.tests.test_i18n',
      ],
      ...[
        'generic_views',
        'auth_tests.test_remote_user',
        'i18n.patterns',
        'syndication_tests',
        'staticfiles_tests',
      ],
    ],
    requestsMin: 800,
  },
  Werkzeug: {
    release: 'Werkzeug==3.1.9',
    runner: 'run_pytest',
    client: 'werkzeug',
    labels: [
      ...['test_wsgi.py', 'test_formparser.py', 'test_test.py', 'test_wrappers.py', 'test_exceptions.py'],
      ...['test_utils.py', 'test_routing.py', 'test_send_file.py', 'test_debug.py', 'middleware'],
    ],
    requestsMin: 100,
  },
  Flask: {
    release: 'Flask==3.1.3',
    runner: 'run_pytest',
    client: 'werkzeug',
    labels: ['.'],
    // It ends an asynchronous view's context in the thread that asks, where another serves: what is left of it fails whichever test is next.
    leftOut: ['tests/test_helpers.py::TestStreaming::test_async_view'],
    requestsMin: 300,
  },
  WebOb: {
    release: 'WebOb==1.8.11',
    runner: 'run_pytest',
    client: 'webob',
    labels: [
      'test_request.py',
      'test_response.py',
      'test_static.py',
      'test_dec.py',
      'test_exc.py',
      'test_transcode.py',
    ],
    requestsMin: 50,
  },
  // Its lint is around every application, and so looks at the environ of this server.
  WebTest: {
    release: 'WebTest==3.0.7',
    runner: 'run_pytest',
    client: 'webob',
    labels: ['.'],
    requestsMin: 100,
  },
}

const CONF = `
WSGIDaemonProcess suite python-home="\${VENV}" python-path="\${ROOT}/suite" threads=8
WSGIScriptAlias / "\${ROOT}/suite/suite.wsgi" process-group=suite application-group=%{GLOBAL}
Listen 127.0.0.1:\${PORT2} https
LogLevel error
Timeout 900
AllowEncodedSlashes On
WSGIPassAuthorization On
# The lints know WSGI 1.0 alone.
WSGIHttpdInterfaceVersion 1.0
# With a name, so that the port of a URL without one is the usual one.
<VirtualHost *:\${PORT2}>
    ServerName testserver
    SSLEngine on
    SSLCertificateFile "\${ROOT}/site.crt"
    SSLCertificateKeyFile "\${ROOT}/site.key"
</VirtualHost>
`

/** For whoever works on these: one suite alone (`WSGI_HTTPD_SUITE=Flask`); a folder for whole reports (`WSGI_HTTPD_REPORTS`). */
const only = process.env.WSGI_HTTPD_SUITE

describe("frameworks' own test suites over this server", {
  skip: skipWithout('3') || skipWithoutOpenssl,
}, () => {
  for (const [name, suite] of Object.entries(SUITES).filter(([name]) => only === undefined || name === only))
    test(name, async (t) => {
      const venv = await virtualEnvironment(findPython('3')?.version ?? '3', REQUIREMENTS)
      if ('skip' in venv) return t.skip(venv.skip)
      const source = await sourceOf(venv.home, suite.release)
      if ('skip' in source) return t.skip(source.skip)
      const conf = CONF.replaceAll('${VENV}', venv.home)
      const env = {
        SUITE_PORT: '${PORT}',
        SUITE_TLS_PORT: '${PORT2}',
        SUITE_TMP: '${ROOT}/tmp',
        TMPDIR: '${ROOT}/tmp',
      }
      const prepare = ({ root }: Layout) => {
        cpSync(FIXTURES, path.join(root, 'suite'), { recursive: true })
        cpSync(path.join(source.home, 'tests'), path.join(root, 'tmp', 'tests'), { recursive: true })
        makeAuthority(root)
        makeCertificate(root, 'site', { names: 'DNS:localhost' })
        mkdirSync(path.join(root, 'tmp'), { recursive: true })
        if (isRoot) giveTo(NOBODY, path.join(root, 'tmp'))
      }
      await withServer({ conf, env, prepare, python: 'none' }, async (server) => {
        const answer = await ask(server.port, '/-/run', {
          method: 'PUT',
          body: JSON.stringify({ ...suite, tests: path.join(server.root, 'tmp', 'tests') }),
          timeoutMs: SUITE_MAX_MS,
        })
        assert.equal(answer.status, 200, `${answer.text}\n${server.errorLog()}`)
        const report = JSON.parse(answer.text) as Report
        t.diagnostic(
          `${suite.release}: ${report.run} tests, ${report.skipped} skipped, ${Object.keys(report.failed).length} exceptions, ` +
            `${report.served} requests of ${report.sent} served by applications`,
        )
        const folder = process.env.WSGI_HTTPD_REPORTS
        if (folder !== undefined) writeFileSync(path.join(folder, `${name}.json`), answer.text)
        judge(name, report)
        assert.ok(report.served >= suite.requestsMin, `${report.served} requests only`)
      })
    })
})

/** Every failure is an exception that is written down with its reason. */
function judge(name: string, report: Report): void {
  const known = new Set(Object.values(EXCEPTIONS[name] ?? {}).flat())
  const unknown = Object.entries(report.failed).filter(([id]) => !known.has(id))
  assert.deepEqual(
    unknown.map(([id]) => id),
    [],
    unknown.map(([id, text]) => `${id}\n${text}`).join('\n\n'),
  )
}
