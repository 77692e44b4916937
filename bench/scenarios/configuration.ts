/** A configuration of 1,000 virtual hosts: how long it takes to read, and what a request costs with it. */
import { spawnSync } from 'node:child_process'
import { lastHost } from '../httpd-conf.js'
import { wrk } from '../load.js'
import type { Scenario } from '../scenario.js'
import * as servers from '../servers.js'

const HOSTS = { count: 1000, each: 10 }
const ONE = { count: 1, each: 10 }
const daemon = { threads: 15 }

/** Which of the servers has how many hosts. */
const SIZES = new Map([
  [servers.ours({ name: 'wsgi-httpd, 1 virtual host', daemon, hosts: ONE }), ONE],
  [servers.ours({ name: 'wsgi-httpd, 1,000 virtual hosts', daemon, hosts: HOSTS }), HOSTS],
  [servers.apache({ name: 'Apache, 1 virtual host', daemon, hosts: ONE }), ONE],
  [servers.apache({ name: 'Apache, 1,000 virtual hosts', daemon, hosts: HOSTS }), HOSTS],
])

export const configuration: Scenario = {
  name: 'configuration',
  title: 'Large configurations',
  about:
    'Virtual hosts with 10 aliases and 10 directory sections each. The check is the whole command `-t`, start of the program included; requests are for the last host, with 64 connections.',
  servers: [...SIZES.keys()],
  columns: [
    { key: 'check', title: 'check, s', digits: 2 },
    { key: 'start', title: 'first response, s', digits: 2 },
    { key: 'cpu', title: 'CPU µs/request', digits: 1 },
    { key: 'memory', title: 'memory, MiB' },
  ],
  rounds: [2, 1],
  async measure(running, settings, server) {
    const headers = [`Host: ${lastHost(SIZES.get(server)?.count ?? 1)}`]
    const memory = running.memory() / 1024
    await wrk(running.url(), { seconds: 2, connections: 64, headers })
    const { result, microseconds } = await running.cost(() =>
      wrk(running.url(), { seconds: settings.seconds, connections: 64, headers }),
    )
    const dir = `${settings.base}/check`
    spawnSync('mkdir', ['-p', dir])
    const words = server.command({ ...settings, dir, port: running.port, tlsPort: running.tlsPort })
    const began = performance.now()
    const { status, stderr } = spawnSync(
      words[0] as string,
      words.slice(1).map((word) => (word === '-DFOREGROUND' ? '-t' : word)),
    )
    if (status !== 0) throw new Error(`${server.name} -t: ${stderr}`)
    return {
      check: (performance.now() - began) / 1000,
      start: running.startMs / 1000,
      cpu: microseconds / result.requests,
      memory,
    }
  },
}
