import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkMountOptions } from '../../src/api/check-options.js'
import { DEFAULTS, type MountOptions } from '../../src/api/options.js'
import { variableFault } from '../../src/api/variables.js'

const application = 'app.wsgi'
const check = (options: object, uid = 1000) =>
  checkMountOptions({ application, ...options } as MountOptions, uid)

test('defaults are filled in, and undefined is the same as left out', () => {
  assert.deepEqual(check({}), { ...DEFAULTS, application })
  assert.deepEqual(check({ threads: undefined, python: undefined, user: undefined }), {
    ...DEFAULTS,
    application,
  })
  assert.equal(check({ threads: 2 }).threads, 2)
})

const WRONG: readonly [option: string, value: unknown, message: RegExp][] = [
  ['processes', '2', /must be a whole number from 1 to 1000; it is '2'$/],
  ['threads', 1.5, /must be a whole number from 1 to 65533; it is 1\.5$/],
  ['threads', Number.NaN, /it is NaN$/],
  ['requestTimeout', -1, /must be a whole number from 0 on/],
  ['responseBufferSize', 5, /must be 0 or a whole number from 65536 on/],
  ['pythonPath', '/one', /must be an array of texts/],
  ['pythonPath', ['/one', ''], /must be an array of texts/],
  ['workingDirectory', 'a\nLoadModule x y', /without control characters/],
  // it would be read as a variable of the configuration
  ['displayName', 'a ${HOME}', /without \$\{/],
  ['processGroup', '%{GLOBAL}', /must be a name without spaces, quotes and %/],
  ['processGroup', 'two words', /must be a name/],
  ['application', new URL('http://example.com/app.wsgi'), /must be a text or a file: URL/],
  ['application', 5, /must be a text or a file: URL; it is 5$/],
  ['application', '', /must not be empty/],
  ['python', new URL('file://elsewhere/python'), /must be a text or a file: URL/],
  ['workingDirectory', new URL('file:///a%0Ab'), /without control characters/],
  ['limitRequestBody', Number.POSITIVE_INFINITY, /it is Infinity$/],
  ['signal', {}, /must be an AbortSignal/],
  ['onError', 'page', /must be a function/],
  ['mountPoint', 'app', /must be a URL path that begins with \//],
  ['mountPoint', '/a/../b', /must be a URL path/],
  ['mountPoint', '//a', /must be a URL path/],
  ['mountPoint', '/a%20b', /with nothing encoded in it/],
  ['env', { 'A=B': 'c' }, /must be an object of names and texts/],
  ['env', { A: 1 }, /must be an object of names and texts, and A is not a text; it is \{ A: 1 \}$/],
  ['setEnv', { A: undefined }, /, and A is not a text; it is \{ A: undefined \}$/],
  ['umask', 22, /must be octal digits/],
  ['log', 'file', /must be a function/],
  ['logLevel', 'verbose', /must be one of emerg, /],
  ['user', 'nobody', /has no effect unless this process runs as root/],
  ['trustProxy', ['127.0.0.1'], /needs the option trustProxyHeader/],
  ['maximumRequest', 5, /is not known: did you mean maximumRequests\?$/],
  ['port', 5, /is not known$/],
  ['constructor', 5, /is not known/],
]

test('what is wrong is told with its name, what it is and what it has to be', () => {
  for (const [option, value, message] of WRONG)
    assert.throws(
      () => check({ [option]: value }),
      (error: Error & { option?: string; code?: string }) => {
        assert.match(error.message, message)
        assert.match(error.message, new RegExp(`^mount: the option ${option} `))
        assert.equal(error.option, option)
        assert.equal(error.code, 'ERR_WSGI_HTTPD_OPTION')
        return true
      },
      option,
    )
  assert.throws(
    () => checkMountOptions(undefined as never, 0),
    /the options must be an object, not undefined/,
  )
})

test('file: URLs are paths', () => {
  const url = new URL('file:///srv/a%20b')
  const { application, python, workingDirectory } = check({
    application: url,
    python: url,
    workingDirectory: url,
  })
  assert.deepEqual([application, python, workingDirectory], ['/srv/a b', '/srv/a b', '/srv/a b'])
})

test('variables that a service may give', () => {
  for (const name of ['REMOTE_USER', 'HTTPS', 'TENANT', 'tenant.id'])
    assert.equal(variableFault(name, 'x'), undefined, name)
  for (const name of [
    'PATH_INFO',
    'CONTENT_LENGTH',
    'wsgi.input',
    'mod_wsgi.x',
    'REMOTE_ADDR',
    'DOCUMENT_ROOT',
  ])
    assert.match(variableFault(name, 'x') ?? '', /is the server's to say$/, name)
  assert.match(variableFault('HTTP_X_USER', 'x') ?? '', /set it in request\.headers/)
  assert.match(variableFault('A B', 'x') ?? '', /is no name/)
  assert.match(variableFault('A', 1) ?? '', /must be a text/)
})

test('options that exclude or need each other', () => {
  assert.throws(
    () => check({ interruptTimeout: 1, requestTimeout: 0 }),
    /has no effect with requestTimeout: 0/,
  )
  assert.throws(() => check({ reloadOnChanges: true, scriptReloading: false }), /excludes scriptReloading/)
  assert.throws(() => check({ group: 'staff' }, 0), /group needs the option user/)
  assert.equal(check({ user: 'nobody' }, 0).user, 'nobody')
})
