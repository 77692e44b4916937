import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pidFileFromText } from '../../src/cli/pid-file.js'

test('the pid file of a text that cannot be read as a configuration', () => {
  assert.equal(pidFileFromText('', '/srv'), '/srv/logs/httpd.pid')
  assert.equal(pidFileFromText('PidFile run/a.pid\n<Broken\n', '/srv'), '/srv/run/a.pid')
  assert.equal(
    pidFileFromText('ServerRoot "/etc/my httpd"\n  pidfile "x.pid"\n', '/srv'),
    '/etc/my httpd/x.pid',
  )
  assert.equal(pidFileFromText('# PidFile no\nPidFile /run/a.pid\n', '/srv'), '/run/a.pid')
})
