import assert from 'node:assert/strict'
import { test } from 'node:test'
import { locate } from '../../src/cli/locate.js'

const NOTHING = () => false
const asked = (serverRoot?: string, configFile?: string) => ({ serverRoot, configFile })

test('a relative -f is under -d, else under the current directory', () => {
  assert.equal(locate(asked('/srv', 'a.conf'), '/home/x', NOTHING).file, '/srv/a.conf')
  assert.equal(locate(asked(undefined, 'a.conf'), '/home/x', NOTHING).file, '/home/x/a.conf')
  assert.equal(locate(asked('/srv', '/etc/a.conf'), '/home/x', NOTHING).file, '/etc/a.conf')
})

test('without -d the ServerRoot is where the file is, or above a directory called conf', () => {
  assert.equal(locate(asked(undefined, '/srv/a.conf'), '/', NOTHING).serverRoot, '/srv')
  assert.equal(locate(asked(undefined, '/srv/conf/httpd.conf'), '/', NOTHING).serverRoot, '/srv')
})

test('without -f the usual names under -d are tried, httpd first', () => {
  const has =
    (...files: string[]) =>
    (file: string) =>
      files.includes(file)
  assert.equal(
    locate(asked('/e'), '/', has('/e/apache2.conf', '/e/conf/httpd.conf')).file,
    '/e/conf/httpd.conf',
  )
  assert.equal(locate(asked('/e'), '/', has('/e/apache2.conf')).file, '/e/apache2.conf')
})

test('nothing to go by is an error that says what to do', () => {
  assert.throws(() => locate(asked(), '/', NOTHING), /name a file with -f .* start-server app\.wsgi/)
  assert.throws(
    () => locate(asked('/e'), '/', NOTHING),
    /no configuration file in \/e: looked for conf\/httpd\.conf/,
  )
})
