import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkMountOptions } from '../../src/api/check-options.js'
import { DEFAULTS, type MountOptions } from '../../src/api/options.js'

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
  ['processes', '2', /must be a whole number from 1 to 1000; it is "2"$/],
  ['threads', 1.5, /must be a whole number from 1 to 65533; it is 1\.5$/],
  ['threads', Number.NaN, /it is null$/],
  ['requestTimeout', -1, /must be a whole number from 0 on/],
  ['responseBufferSize', 5, /must be 0 or a whole number from 65536 on/],
  ['pythonPath', '/one', /must be an array of texts/],
  ['pythonPath', ['/one', ''], /must be an array of texts/],
  ['workingDirectory', 'a\nLoadModule x y', /without control characters/],
  // it would be read as a variable of the configuration
  ['displayName', 'a ${HOME}', /without \$\{/],
  ['processGroup', '%{GLOBAL}', /must be a name without spaces, quotes and %/],
  ['processGroup', 'two words', /must be a name/],
  ['application', new URL('http://example.com/app.wsgi'), /must be a text/],
  ['mountPoint', 'app', /must be a URL path that begins with \//],
  ['mountPoint', '/a/../b', /must be a URL path/],
  ['mountPoint', '//a', /must be a URL path/],
  ['mountPoint', '/a%20b', /with nothing encoded in it/],
  ['env', { 'A=B': 'c' }, /must be an object of names and texts/],
  ['env', { A: 1 }, /must be an object of names and texts/],
  ['setEnv', { A: undefined }, /must be an object of names and texts/],
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

test('options that exclude or need each other', () => {
  assert.throws(
    () => check({ interruptTimeout: 1, requestTimeout: 0 }),
    /has no effect with requestTimeout: 0/,
  )
  assert.throws(() => check({ reloadOnChanges: true, scriptReloading: false }), /excludes scriptReloading/)
  assert.throws(() => check({ group: 'staff' }, 0), /group needs the option user/)
  assert.equal(check({ user: 'nobody' }, 0).user, 'nobody')
})
