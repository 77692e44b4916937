/** What becomes of options: the settings that the server's own parts run by. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { checkMountOptions } from '../../src/api/check-options.js'
import { type MountPlan, planMount } from '../../src/api/configuration.js'
import { DEFAULTS, type MountOptions } from '../../src/api/options.js'
import { OPTIONS } from '../../src/cli/start-server/options.js'
import { coreDir, coreServer } from '../../src/modules/core/settings.js'
import { wsgiDir, wsgiMain } from '../../src/modules/wsgi/settings.js'
import { findPython, type Python, skipWithout, usable } from '../support/pythons.js'
import { folder, python } from './support.js'

const skip = skipWithout('3')

function withPlan(options: Partial<MountOptions>, look: (plan: MountPlan, directory: string) => void): void {
  const directory = folder({ 'my app é.wsgi': '' })
  try {
    const application = path.join(directory, 'my app é.wsgi')
    const chosen = checkMountOptions(
      { application, workingDirectory: directory, python: python(), ...options },
      0,
    )
    look(planMount(chosen, directory), directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('without options: the defaults of start-server', { skip }, () => {
  withPlan({}, ({ daemons, site, alias }, directory) => {
    const { group } = daemons
    assert.equal(group.name, 'my_app__.wsgi')
    assert.equal(Buffer.from(alias.script, 'latin1').toString(), path.join(directory, 'my app é.wsgi'))
    assert.equal(group.processes, 1)
    assert.equal(group.processesGiven, false)
    assert.equal(group.threads, 5)
    assert.equal(group.home, directory)
    assert.deepEqual(group.pythonPath, [directory])
    assert.equal(daemons.launch.identity, null)
    assert.equal(daemons.settings.imports?.length, 1)
    const { main } = site
    assert.equal(main.dir.get(wsgiDir).passAuthorization, true)
    assert.equal(main.dir.get(wsgiDir).scriptReloading, true)
    assert.equal(main.dir.get(wsgiDir).chunkedRequest, true)
    assert.equal(main.settings.get(wsgiMain).restrictEmbedded, true)
  })
  const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  for (const [name, value] of Object.entries(DEFAULTS)) {
    const same = OPTIONS.find((option) => option.name === kebab(name))
    if (same?.default !== undefined) assert.equal(String(value), same.default, name)
  }
})

test('every option of processes arrives', { skip }, () => {
  const numbers = {
    threads: 7,
    switchInterval: 0.5,
    maximumRequests: 11,
    maximumRequestsJitter: 12,
    cpuPriority: 3,
    memoryLimit: 5_000_000,
    virtualMemoryLimit: 6_000_000,
    residentMemoryLimit: 7_000_000,
    stackSize: 300_000,
    queueTimeout: 21,
    requestTimeout: 22,
    interruptTimeout: 23,
    startupTimeout: 24,
    deadlockTimeout: 25,
    socketTimeout: 26,
    connectTimeout: 27,
    inactivityTimeout: 28,
    restartInterval: 29,
    cpuTimeLimit: 30,
    gracefulTimeout: 31,
    shutdownTimeout: 32,
    responseSocketTimeout: 33,
    listenBacklog: 34,
    responseBufferSize: 70_000,
  }
  const texts = { locale: 'de_DE.UTF-8', displayName: 'a "title" \\ here', applicationGroup: 'own' }
  const lists = { pythonPath: ['/one', '/with space'], pythonWarnings: ['error'] }
  const requests = {
    callableObject: 'app',
    passAuthorization: false,
    scriptReloading: false,
    chunkedRequest: false,
    limitRequestBody: 99,
    trustProxyHeader: ['X-Forwarded-For'],
    trustProxy: ['192.0.2.0/24'],
  }
  const all = {
    ...numbers,
    ...texts,
    ...lists,
    ...requests,
    processes: 3,
    umask: '027',
    processGroup: 'named',
  }
  withPlan({ ...all, env: { A: 'b', HOME: undefined } }, ({ daemons, site }, directory) => {
    const { group, environment } = daemons
    for (const [name, value] of Object.entries(numbers))
      assert.equal(group[name as keyof typeof numbers], value, name)
    assert.equal(group.name, 'named')
    assert.equal(group.processes, 3)
    assert.equal(group.umask, 0o27)
    assert.equal(group.locale, texts.locale)
    assert.equal(group.displayName, texts.displayName)
    assert.deepEqual(group.pythonPath, [directory, '/one', '/with space'])
    assert.equal(environment.A, 'b')
    assert.equal(environment.HOME, undefined)
    assert.ok(daemons.flags.includes('-Werror'))
    assert.equal(daemons.settings.main_group, 'own')
    const { main } = site
    assert.equal(main.dir.get(wsgiDir).callableObject, 'app')
    assert.equal(main.dir.get(wsgiDir).passAuthorization, false)
    assert.equal(main.dir.get(wsgiDir).scriptReloading, false)
    assert.equal(main.dir.get(wsgiDir).chunkedRequest, false)
    assert.deepEqual(main.dir.get(wsgiDir).proxyHeaders, ['x-forwarded-for'])
    assert.equal(main.dir.get(wsgiDir).proxies?.length, 1)
    assert.equal(main.dir.get(coreDir).limitRequestBody, 99)
    assert.equal(main.settings.get(coreServer).timeout, 26)
  })
})

test('as root, an account for the processes', { skip }, () => {
  if (process.getuid?.() !== 0) return
  const readable = usable(findPython() as Python).executable
  withPlan({ user: 'nobody', group: '#65534', python: readable }, ({ daemons }) => {
    assert.equal(daemons.launch.identity?.userName, 'nobody')
    assert.equal(daemons.launch.identity?.gid, 65534)
    assert.equal(daemons.lends, 'never')
  })
  assert.throws(
    () => withPlan({ user: 'no-such-user' }, () => {}),
    /the option user names no account: no-such-user$/,
  )
})
