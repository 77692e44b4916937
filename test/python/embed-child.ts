/** Runs in a process of its own (see embed.test.ts): embeds the Python of the home argv[2], tries everything, prints what it saw. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embedPython } from '../../src/python/embed.js'
import { Channel } from '../../src/wsgi/channel/channel.js'
import { place, request } from '../wsgi/channel/daemon.js'

const directory = mkdtempSync(join(tmpdir(), 'embed-'))
const log: string[] = []
const python = await embedPython({
  home: process.argv[2] as string,
  start: { dontWriteBytecode: true },
  runtimeDir: directory,
  settings: {
    mode: 'embedded',
    process_group: '',
    threads: 3,
    processes: 1,
    multiprocess: false,
    multithread: true,
    server_version: [1, 2, 3],
    server_software: 'test',
  },
  board: () => Promise.reject(new Error('there is no server')),
  log: (level, text) => log.push(`${level}: ${text}`),
})
const script = join(directory, 'app.wsgi')
const write = (word: string) =>
  writeFileSync(
    script,
    `import atexit, os, sys, ssl, json, hashlib, ctypes
def application(environ, start_response):
    start_response('200 OK', [])
    return [('%s %s %d %s %s' % ('${word}', ssl.get_default_verify_paths().openssl_cafile, os.getpid(), environ['mod_wsgi.process_group'] == '', sys.prefix)).encode()]
def leave():
    print('atexit')
atexit.register(leave)
`,
  )
write('first')
const channel = await Channel.connect({ ...python, applicationGroup: '', threads: 3 })
const answers: string[] = []
answers.push((await request(channel, place(script)).outcome).body.toString())
await new Promise((resolve) => setTimeout(resolve, 20))
write('second')
answers.push((await request(channel, place(script)).outcome).body.toString())
let interrupted = false
process.once('SIGINT', () => {
  interrupted = true
})
process.kill(process.pid, 'SIGINT')
for (let looks = 0; !interrupted && looks < 1000; looks++)
  await new Promise((resolve) => setTimeout(resolve, 10))
let group = 'refused'
try {
  const guest = await Channel.connect({
    ...python,
    applicationGroup: 'guest',
    threads: 3,
  })
  group = (await request(guest, place(script)).outcome).kind
} catch {
  // Python before 3.8
}
await python.stop('shutdown_signal')
rmSync(directory, { recursive: true })
console.log(JSON.stringify({ version: python.version, pid: process.pid, answers, interrupted, group, log }))
process.exit(7)
