/** Records as the option `log` of mount gets them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openLog } from '../../src/api/log.js'
import type { LogRecord } from '../../src/index.js'

test('a record has the code of its message, whether that stands apart or at the beginning, and the process that it names', () => {
  const records: LogRecord[] = []
  const log = openLog('warn', (record) => records.push(record))
  log.server('wsgi', 'error', 'WSGI0118: Timeout when reading')
  log.server('wsgi', 'error', 'a message', 'WSGI0001')
  log.server('wsgi', 'error', 'Exception occurred: x')
  log.server('wsgi', 'info', 'not admitted')
  log.server('wsgi', 'error', "mod_wsgi (pid=12): Process 'app.wsgi' has died")
  assert.deepEqual(records, [
    { level: 'error', module: 'wsgi', message: 'WSGI0118: Timeout when reading', code: 'WSGI0118' },
    { level: 'error', module: 'wsgi', message: 'a message', code: 'WSGI0001' },
    { level: 'error', module: 'wsgi', message: 'Exception occurred: x' },
    { level: 'error', module: 'wsgi', message: "mod_wsgi (pid=12): Process 'app.wsgi' has died", pid: 12 },
  ])
})
