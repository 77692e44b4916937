/** Hello world of Django and of Flask: how much of the CPU is the server's own. */
import { Bare, installFrameworks } from '../frameworks.js'
import { once, wrk } from '../load.js'
import type { Running } from '../running.js'
import type { Measure, Sample, Scenario } from '../scenario.js'
import * as servers from '../servers.js'

const CONNECTIONS = 64
/** Compilers take that long to settle, at the rates that frameworks reach. */
const WARM_UP_SECONDS = 5
const ASKED_MAX = 20
const NAMES = ['Django', 'Flask'] as const

/** The frameworks by themselves, in a process for each Python that a server runs them with. */
const bare = new Map<string, Bare>()

function bareWith(python: string, { app }: Measure): Bare {
  const known = bare.get(python) ?? new Bare(python, app)
  bare.set(python, known)
  return known
}

interface Share {
  /** Microseconds for each request of all processes. */
  readonly all: number
  /** Of them in percent, without what the framework takes by itself. */
  readonly own: number
  /** The same without what the framework takes inside this server. */
  readonly inPlace: number
}

async function share(running: Running, alone: Bare, name: string, settings: Measure): Promise<Share> {
  const { seconds, quick } = settings
  const load = async (path: string, time: number) => {
    const options = { seconds: time, connections: CONNECTIONS }
    const { result, microseconds } = await running.cost(() => wrk(running.url(path), options))
    return { microseconds, requests: result.requests }
  }
  await load(`/${name}`, quick ? 1 : WARM_UP_SECONDS)
  await alone.cost(`/${name}`, 0.5)
  let [requests, used, without] = [0, 0, 0]
  const turns = Math.ceil(seconds)
  for (let turn = 0; turn < turns; turn++) {
    without += (await alone.cost(`/${name}`, 1)) / turns
    const one = await load(`/${name}`, 1)
    requests += one.requests
    used += one.microseconds
  }
  const all = used / requests
  const timed = await load(`/timed/${name}`, seconds)
  let spent = Number.NaN
  // of several processes each knows its own requests only, and some may have had none
  for (let asked = 0; asked < ASKED_MAX && Number.isNaN(spent); asked++)
    spent = Number((await once(running.port, `/spent/${name}`, running)).split('\r\n\r\n')[1])
  return {
    all,
    own: (100 * (all - without)) / all,
    inPlace: 100 * (1 - spent / (timed.microseconds / timed.requests)),
  }
}

export const frameworks: Scenario = {
  name: 'frameworks',
  title: 'Django and Flask',
  about: `Hello world of Django (with the applications and middleware of \`startproject\`) and of Flask, wrk with ${CONNECTIONS} connections: CPU microseconds for each request of all processes of a server, and the share of them that is the server's own. *Own*: without what the same framework takes when a loop calls it in the same Python without any server (\`bench/python/bare.py\`), the two taking turns by the second. *In place*: without what the framework takes inside this server, measured by the thread that calls it; what it loses there because other work has taken the processor's caches is not the server's then.`,
  folder: 'frameworks',
  servers: [
    ...[servers.OURS_1, servers.OURS_15, servers.OURS_EMBEDDED, servers.APACHE_DAEMON],
    ...[servers.APACHE_EMBEDDED, servers.GUNICORN_SYNC, servers.GUNICORN_THREADS, servers.WAITRESS],
    ...[servers.CHEROOT, servers.GRANIAN, servers.UWSGI_THREADS, servers.NGINX, servers.BJOERN],
  ],
  columns: NAMES.flatMap((name) => [
    { key: `${name} all`, title: `${name}, µs` },
    { key: `${name} own`, title: 'own, %', digits: 1 },
    { key: `${name} inPlace`, title: 'in place, %', digits: 1 },
  ]),
  rounds: [2, 1],
  async begin({ app }) {
    const versions = await installFrameworks(app)
    return {
      note: `${versions}.`,
      async end() {
        for (const one of bare.values()) one.stop()
        bare.clear()
      },
    }
  },
  async measure(running, settings, { python }): Promise<Sample> {
    const alone = bareWith(python, settings)
    const sample: Record<string, number> = {}
    for (const name of NAMES) {
      const found = await running.attempt(name, () => share(running, alone, name.toLowerCase(), settings))
      for (const [key, number] of Object.entries(found ?? {})) sample[`${name} ${key}`] = number
    }
    return sample
  },
}
