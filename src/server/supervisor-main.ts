/**
 * Entry of a detached supervisor, started by `startServer`. Its options come as JSON in the first argument; descriptor 3 is a pipe on which it says
 * that the server has started. When the pipe closes without that word, it has not.
 */
import { closeSync, writeSync } from 'node:fs'
import { STARTED } from './control.js'
import { offerSpareWorker } from './hand-over.js'
import { startSpareWorker } from './spare-worker.js'
import { Supervisor, type SupervisorOptions } from './supervisor.js'

const REPORT_FD = 3

offerSpareWorker(startSpareWorker(false))

const options = JSON.parse(process.argv[2] as string) as SupervisorOptions
const supervisor = new Supervisor(options)
void supervisor
  .run(() => {
    writeSync(REPORT_FD, STARTED)
    closeSync(REPORT_FD)
  })
  .then((status) => process.exit(status))
