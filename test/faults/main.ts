/**
 * `npm run test:faults [-- minutes [seed [file]]]`: the fault run at length, 10 minutes by default; prints what happened and exits with 0 exactly
 * when nothing is wrong. The file gets the server's error log.
 */
import { faultRun } from './run.js'

const minutes = Number(process.argv[2] ?? 10)
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000)
if (!(minutes > 0) || !Number.isInteger(seed)) {
  console.error('usage: npm run test:faults [-- minutes [seed [file for the error log]]]')
  process.exit(2)
}
console.log(`Fault run of ${minutes} minutes, seed ${seed}`)
const report = await faultRun({
  seconds: minutes * 60,
  seed,
  log: (text) => console.log(new Date().toISOString().slice(11, 23), text),
  errorLog: process.argv[4],
})
console.log(
  `requests: ${report.requests}, of which executing in a process, or on a connection of a worker, that was killed or stopped: ${report.failed}`,
)
console.log(
  `faults: ${Object.entries(report.faults)
    .map(([kind, count]) => `${count} × ${kind}`)
    .join(', ')}`,
)
for (const [name, count] of Object.entries(report.counts)) console.log(`${name}: ${count}`)
for (const one of report.wrong) console.log(`WRONG: ${one}`)
console.log(
  report.wrong.length === 0
    ? 'Nothing is lost, nothing is left over.'
    : `${report.wrong.length} things are wrong.`,
)
process.exitCode = report.wrong.length === 0 ? 0 : 1
