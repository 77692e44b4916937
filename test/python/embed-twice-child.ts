/** Runs in a process of its own (see embed.test.ts): tries twice to embed the Python of the home argv[2], prints why it could not and how many descriptors are left open. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embedPython } from '../../src/python/embed.js'

const directory = mkdtempSync(join(tmpdir(), 'embed-'))
const descriptors = () => readdirSync('/dev/fd').length
const messages: string[] = []
const tryIt = () =>
  embedPython({
    home: process.argv[2] as string,
    start: { dontWriteBytecode: true },
    runtimeDir: directory,
    settings: {
      mode: 'embedded',
      process_group: '',
      threads: 1,
      processes: 1,
      multiprocess: false,
      multithread: true,
      server_version: [1, 2, 3],
      server_software: 'test',
      ...JSON.parse(process.argv[3] as string),
    },
    board: () => Promise.reject(new Error('there is no server')),
    log: () => {},
  }).catch((error: Error) => messages.push(error.message))

await tryIt()
const before = descriptors()
await tryIt()
const leaked = descriptors() - before
rmSync(directory, { recursive: true })
console.log(JSON.stringify({ messages, leaked }))
process.exit(0)
