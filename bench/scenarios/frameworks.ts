/** Hello world of Django and of Flask: how much of the CPU is the server's own. */
import { Bare, installFrameworks } from '../frameworks.js'
import { wrk } from '../load.js'
import type { Running } from '../running.js'
import type { Measure, Sample, Scenario } from '../scenario.js'
import * as servers from '../servers.js'

const CONNECTIONS = 64
/** Compilers take that long to settle, at the rates that frameworks reach. */
const WARM_UP_SECONDS = 5
const NAMES = ['Django', 'Flask'] as const

/** The frameworks by themselves, in a process for each Python that a server runs them with. */
const bare = new Map<string, Bare>()

function bareWith(python: string, { app }: Measure): Bare {
  const known = bare.get(python) ?? new Bare(python, app)
  bare.set(python, known)
  return known
}

async function share(
  running: Running,
  alone: Bare,
  path: string,
  { seconds, quick }: Measure,
): Promise<{ all: number; own: number }> {
  const load = async (time: number) =>
    running.cost(() => wrk(running.url(path), { seconds: time, connections: CONNECTIONS }))
  await load(quick ? 1 : WARM_UP_SECONDS)
  await alone.cost(path, 0.5)
  let [requests, used, without] = [0, 0, 0]
  const turns = Math.ceil(seconds)
  for (let turn = 0; turn < turns; turn++) {
    without += (await alone.cost(path, 1)) / turns
    const { result, microseconds } = await load(1)
    requests += result.requests
    used += microseconds
  }
  const all = used / requests
  return { all, own: (100 * (all - without)) / all }
}

export const frameworks: Scenario = {
  name: 'frameworks',
  title: 'Django and Flask',
  about: `Hello world of Django (with the applications and middleware of \`startproject\`) and of Flask, wrk with ${CONNECTIONS} connections: CPU microseconds for each request of all processes of a server, and the share of them that is the server's own. That is what remains of it without what the same framework takes when a loop calls it in the same Python without any server (\`bench/python/bare.py\`), the two taking turns by the second.`,
  folder: 'frameworks',
  servers: [
    ...[servers.OURS_1, servers.OURS_15, servers.OURS_EMBEDDED, servers.APACHE_DAEMON],
    ...[servers.APACHE_EMBEDDED, servers.GUNICORN_SYNC, servers.GUNICORN_THREADS, servers.WAITRESS],
    ...[servers.CHEROOT, servers.GRANIAN, servers.UWSGI_THREADS, servers.NGINX, servers.BJOERN],
  ],
  columns: NAMES.flatMap((name) => [
    { key: `${name} all`, title: `${name}, µs` },
    { key: `${name} own`, title: 'server’s own, %', digits: 1 },
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
      const path = `/${name.toLowerCase()}`
      const found = await running.attempt(name, () => share(running, alone, path, settings))
      if (found === undefined) continue
      sample[`${name} all`] = found.all
      sample[`${name} own`] = found.own
    }
    return sample
  },
}
