import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ReadinessFacts, readinessOf } from '../../src/status/readiness.js'

const process = (
  group: string,
  state: 'ready' | 'draining' = 'ready',
  applicationGroup: string | null = null,
) => ({
  group,
  state,
  applicationGroup,
})
const failure = (group: string, applicationGroup: string | null = null) => ({
  group,
  applicationGroup,
  brief: 'exit status 1',
})

/** What is in the way of the group `app` (main interpreter: `site`), and of embedded Python. */
function obstacles(facts: Partial<ReadinessFacts>) {
  const all = readinessOf({
    groups: [{ name: 'app', mainGroup: 'site' }],
    daemons: [],
    failures: [],
    embedded: undefined,
    ...facts,
  })
  return all.map(({ group, obstacle }) => `${group}: ${obstacle ?? 'ready'}`)
}

test('a group is ready when one of its first processes takes requests', () => {
  const rows: [facts: Partial<ReadinessFacts>, said: RegExp][] = [
    [{}, /^app: starting$/],
    [{ daemons: [process('app')] }, /^app: ready$/],
    [{ daemons: [process('app', 'draining')] }, /^app: starting$/],
    [{ daemons: [process('app', 'draining'), process('app')] }, /^app: ready$/],
    [{ daemons: [process('other')] }, /^app: starting$/],
    [{ failures: [failure('app')] }, /^app: its last start failed: exit status 1; the error log says more$/],
    [{ failures: [failure('other')] }, /^app: starting$/],
    // of a Python that holds one application group
    [{ daemons: [process('app', 'ready', 'site')] }, /^app: ready$/],
    [{ daemons: [process('app', 'ready', 'on demand')] }, /^app: starting$/],
    [{ daemons: [process('app')], failures: [failure('app', 'on demand')] }, /^app: ready$/],
    [{ failures: [failure('app', 'on demand')] }, /^app: starting$/],
  ]
  for (const [facts, said] of rows) assert.match(obstacles(facts).join('\n'), said, JSON.stringify(facts))
})

test('embedded Python counts where it starts with the server', () => {
  const embedded = (state: ReadinessFacts['embedded']) => obstacles({ groups: [], embedded: state })
  assert.deepEqual(embedded(undefined), [])
  assert.deepEqual(embedded('up'), ['%{GLOBAL}: ready'])
  assert.deepEqual(embedded('starting'), ['%{GLOBAL}: starting'])
  assert.deepEqual(embedded('failed'), ['%{GLOBAL}: Python cannot be embedded; the error log says more'])
})
