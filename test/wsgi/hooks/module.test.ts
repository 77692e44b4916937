/**
 * The module `mod_wsgi` inside interpreters of every Python on the machine, in daemon processes and embedded: attributes, events of requests,
 * metrics, logging. One server; each interpreter is a row.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eachMinorVersion, usable } from '../../support/pythons.js'
import { type TestServer, withServer } from '../../support/server.js'
import { until } from '../../support/wait.js'

/** Subscribes before the first request and tells afterwards what it was told; JSON, so that one file does for all Pythons. */
const APPLICATION = `
import json, logging, mod_wsgi, apache

seen = []

@mod_wsgi.subscribe_events
def watch(name, **event):
    if event['request_data'].get('hidden'):
        return
    # Of the stock-taking request itself only what is of interest there.
    seen.append((name, event))
    event['request_data'].setdefault('names', []).append(name)
    if name == 'request_started':
        if 'replace' in event['request_environ']['QUERY_STRING']:
            return {'application_object': replaced, 'more': 'for the next'}
        if 'bad' in event['request_environ']['QUERY_STRING']:
            raise ValueError('raised by the subscriber')

@mod_wsgi.subscribe_events
def after(name, **event):
    if name == 'request_started' and 'replace' in event['request_environ']['QUERY_STRING']:
        assert event['more'] == 'for the next'

@mod_wsgi.subscribe_shutdown
def goodbye(name, **event):
    pass

def shown(value):
    if isinstance(value, dict):
        return dict((key, shown(item)) for key, item in value.items() if key != 'request_environ' or True)
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__

def replaced(environ, start_response):
    start_response('202 Replaced', [])
    return [b'replaced']

logger = logging.getLogger('levels')
logger.setLevel(1)
logger.propagate = False
handler = mod_wsgi.LogHandler()
handler.setFormatter(logging.Formatter('%(levelname)s said %(message)s'))
logger.addHandler(handler)

class Slow(object):
    def __iter__(self):
        return iter([b'one', b'two'])
    def close(self):
        mod_wsgi.request_data()['closed'] = True

def application(environ, start_response):
    what = environ['PATH_INFO']
    if what == '/seen':
        mod_wsgi.request_data()['hidden'] = True
        found = [(name, shown(event)) for name, event in seen if not event['request_data'].get('hidden')]
        complete = bool(found) and found[-1][0] == 'request_finished'
        if complete:
            del seen[:]
        start_response('200 OK', [])
        return [json.dumps(found if complete else None).encode('ascii')]
    if what == '/module':
        start_response('200 OK', [])
        return [json.dumps(dict(
            version=list(mod_wsgi.version), apache=list(apache.version), mpm=apache.mpm_name, group=mod_wsgi.process_group,
            application_group=mod_wsgi.application_group, processes=mod_wsgi.maximum_processes,
            threads=mod_wsgi.threads_per_process, active=list(mod_wsgi.active_requests) == [environ['mod_wsgi.request_id']],
            same=mod_wsgi.active_requests[environ['mod_wsgi.request_id']] is mod_wsgi.request_data(),
            callbacks=[len(mod_wsgi.event_callbacks), len(mod_wsgi.shutdown_callbacks)],
            timeout=[base.__name__ for base in mod_wsgi.RequestTimeout.__bases__],
        )).encode('ascii')]
    if what == '/levels':
        for level in (50, 40, 30, 20, 10, 35):
            logger.log(level, 'level %d in %s', level, mod_wsgi.process_group or 'embedded')
        start_response('200 OK', [])
        return [b'']
    if what == '/metrics':
        before = mod_wsgi.request_metrics()
        mod_wsgi.start_recording_metrics()
        mod_wsgi.start_recording_metrics()
        start_response('200 OK', [])
        window, total = mod_wsgi.request_metrics(), mod_wsgi.process_metrics()
        return [json.dumps(dict(
            recorded=before is not None, server=mod_wsgi.server_metrics(), counts=[before and before['request_count'], window['request_count']],
            found=before and before['status_2xx'], buckets=[len(window['request_time_buckets']), sum((before or window)['request_time_buckets'])],
            queue=window['queue_time'], times=before and before['request_time_max_us'] >= before['request_time_min_us'] > 0,
            used=0 <= window['capacity_utilization'] <= 1, memory=window['memory_max_rss'] > 1000000 < window['memory_rss'],
            threads=len(window['request_threads_completed']) == window['request_threads_maximum'] == len(total['threads']),
            total=[min(total['request_count'], 1), total['active_requests']])).encode('ascii')]
    if what == '/raise':
        raise KeyError('raised by the application')
    if what == '/slow':
        start_response('200 OK', [])
        return Slow()
    body = environ['wsgi.input'].read(2) + environ['wsgi.input'].readline()
    start_response('201 Created', [('X-Some', 'header')])
    return [body]
`

const pythons = eachMinorVersion().filter(({ major, minor }) => (major === 3 ? minor >= 6 : minor === 7))
const embeddable = pythons.findLast(({ major, sharedLibrary }) => major === 3 && sharedLibrary !== undefined)

const CONF = `
StartServers 1
LogLevel info wsgi:debug
${pythons
  .map(
    ({ version }) => `WSGIDaemonProcess g${version} threads=3 processes=1 python-home="\${HOME${version}}"
WSGIScriptAlias /g${version} \${ROOT}/apps/app.wsgi process-group=g${version} application-group=%{GLOBAL}`,
  )
  .join('\n')}
WSGIScriptAlias /sub \${ROOT}/apps/app.wsgi
`

interface Row {
  readonly mount: string
  readonly group: string
  readonly applicationGroup: RegExp
}

const ROWS: readonly Row[] = [
  ...pythons.map(({ version }) => ({ mount: `/g${version}`, group: `g${version}`, applicationGroup: /^$/ })),
  ...(embeddable === undefined ? [] : [{ mount: '/sub', group: '', applicationGroup: /\|\/sub$/ }]),
]

type Event = readonly [name: string, data: Record<string, unknown>]

describe('the module mod_wsgi', () => {
  test('in every interpreter', { skip: pythons.length === 0 && 'no Python' }, async (t) => {
    const conf = pythons.reduce(
      (text, python) => text.replaceAll(`\${HOME${python.version}}`, usable(python).home),
      CONF,
    )
    const python = embeddable?.version ?? 'none'
    await withServer({ conf, python, apps: { 'app.wsgi': APPLICATION } }, async (server) => {
      await t.test('all of them', { concurrency: true }, async (all) => {
        await Promise.all(ROWS.map((row) => all.test(row.mount, () => look(server, row))))
      })
    })
  })
})

async function look(server: TestServer, { mount, group, applicationGroup }: Row): Promise<void> {
  const json = async (place: string) => JSON.parse((await server.get(mount + place)).text)
  /** The last event comes after the response. */
  const seen = (): Promise<readonly Event[]> => until('request_finished', () => json('/seen'))

  const module = await json('/module')
  assert.equal(module.version.length, 3)
  assert.deepEqual(module.apache, module.version)
  assert.equal(module.group, group)
  assert.match(module.application_group, applicationGroup)
  assert.equal(module.threads, group === '' ? 25 : 3)
  assert.equal(typeof module.processes, 'number')
  assert.deepEqual([module.active, module.same, module.callbacks], [true, true, [2, 1]])
  assert.deepEqual(module.timeout, ['BaseException'])
  await seen()

  const posted = await server.get(`${mount}/post`, { method: 'POST', body: 'ab\ncd' })
  assert.equal(posted.text, 'ab\n')
  const events = await seen()
  assert.deepEqual(
    events.map(([name]) => name),
    ['request_started', 'response_started', 'request_finished'],
  )
  checkEvents(events, group)

  assert.equal((await server.get(`${mount}/slow`)).text, 'onetwo')
  const [, , slow] = await seen()
  assert.deepEqual(slow?.[1].request_data, {
    names: ['request_started', 'response_started', 'request_finished'],
    closed: true,
  })
  assert.deepEqual([slow?.[1].output_writes, slow?.[1].output_length], [2, 6])

  assert.equal((await server.get(`${mount}/raise`)).status, 500)
  const raised = await seen()
  assert.deepEqual(
    raised.map(([name]) => name),
    ['request_started', 'request_exception', 'request_finished'],
  )
  assert.deepEqual((raised[1]?.[1].exception_info as unknown[] | undefined)?.length, 3)
  assert.equal(raised[2]?.[1].status, 500)

  const replaced = await server.get(`${mount}/any?replace`)
  assert.deepEqual([replaced.status, replaced.text], [202, 'replaced'])
  assert.equal((await server.get(`${mount}/any?bad`)).status, 201)
  await server.waitForLog(/WSGI0112: Exception occurred within event callback/)
  await server.waitForLog(/ValueError: raised by the subscriber/)

  await server.get(`${mount}/levels`)
  const name = group || 'embedded'
  for (const [level, said] of [
    ['crit', 'CRITICAL said level 50'],
    ['error', 'ERROR said level 40'],
    ['warn', 'WARNING said level 30'],
    ['info', 'INFO said level 20'],
    ['debug', 'DEBUG said level 10'],
    ['warn', 'Level 35 said level 35'],
  ])
    await server.waitForLog(new RegExp(`\\[wsgi:${level}\\].*${said} in ${name.replaceAll('.', '\\.')}`))

  await checkMetrics(json, group)
}

function checkEvents(events: readonly Event[], group: string): void {
  const [started, response, finished] = events.map(([, data]) => data) as Record<string, unknown>[]
  const id = started?.request_id
  assert.match(String(id), /./)
  assert.deepEqual([response?.request_id, finished?.request_id], [id, id])
  assert.deepEqual(
    [response?.response_status, response?.response_headers, response?.exception_info],
    ['201 Created', [['X-Some', 'header']], null],
  )
  assert.equal(started?.callable_object, 'application')
  assert.equal(started?.application_object, 'function')
  assert.equal((started?.request_environ as Record<string, unknown> | undefined)?.PATH_INFO, '/post')
  const numbers = 'thread_id server_pid request_start queue_start daemon_start application_start'.split(' ')
  for (const data of [started, finished])
    for (const key of numbers) assert.equal(typeof data?.[key], 'number', key)
  assert.equal(started?.queue_start === 0, group === '')
  for (const key of 'application_finish application_time input_time output_time cpu_user_time cpu_system_time cpu_time'.split(
    ' ',
  ))
    assert.ok((finished?.[key] as number) >= 0, key)
  const { status, input_reads, input_length, output_writes, output_length } = finished ?? {}
  assert.deepEqual([status, input_reads, input_length, output_writes, output_length], [201, 2, 3, 1, 3])
}

interface Metrics {
  readonly counts: readonly [before: number | null, now: number]
}

async function checkMetrics(json: (place: string) => Promise<unknown>, group: string): Promise<void> {
  const queue = group === '' ? null : 0
  const always = { server: null, used: true, memory: true, threads: true }
  assert.deepEqual(await json('/metrics'), {
    ...always,
    ...{
      queue,
      recorded: false,
      counts: [null, 0],
      found: null,
      buckets: [65, 0],
      times: null,
      total: [0, 1],
    },
  })
  // A request is counted when it is over, which may be after its response.
  const recorded = await until('a request to be counted', async () => {
    const found = (await json('/metrics')) as Metrics
    return found.counts[0] === 1 && found
  })
  assert.deepEqual(recorded, {
    ...always,
    ...{ queue, recorded: true, counts: [1, 0], found: 1, buckets: [65, 1], times: true, total: [1, 1] },
  })
}
