/**
 * Graceful restarts under load lose nothing. What counts is what clients see: a request that is refused, reset, cut or answered wrongly
 * fails the test.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { skipWithout } from '../support/pythons.js'
import { withServer } from '../support/server.js'
import { Load } from './load.js'
import {
  assertNoFailures,
  BETWEEN,
  CLIENTS,
  control,
  DAEMON,
  EMBEDDED,
  HELLO,
  isHello,
} from './under-load.js'

const UPLOADERS = 4
const RESTARTS = 10

describe('under load', { skip: skipWithout('3') }, () => {
  for (const [mode, conf] of [
    ['daemon mode', DAEMON],
    ['embedded mode', EMBEDDED],
  ] as const)
    test(`ten graceful restarts lose no request in ${mode}`, async (t) => {
      await withServer({ conf, apps: { 'hello.wsgi': HELLO } }, async (server) => {
        const pids = new Set<number>()
        const load = new Load(server.port).upload('/upload', UPLOADERS).get('/', CLIENTS, (reply) => {
          if (reply.pid !== undefined) pids.add(reply.pid)
          return isHello(reply)
        })
        await load.more(BETWEEN)
        for (let restart = 1; restart <= RESTARTS; restart++) {
          await control(server, 'graceful')
          await load.more(BETWEEN)
        }
        assertNoFailures(await load.stop(), load)
        t.diagnostic(`${load.requests} requests, ${load.uploads} uploads, ${pids.size} processes answered`)
        // Settings of the group are the same as before: its processes are left alone.
        if (mode === 'daemon mode') assert.equal(pids.size, 2)
        else assert.ok(pids.size > RESTARTS)
      })
    })
})
