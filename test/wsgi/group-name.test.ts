import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandGroupName, type GroupNameFacts, parseGroupName } from '../../src/wsgi/group-name.js'

const variables: Record<string, string> = {
  G: 'sales',
  GLOBAL: '%{GLOBAL}',
  HOST: '%{HOST}',
  LOOP: '%{ENV:G}',
}
const facts: GroupNameFacts = {
  server: () => 'www.example.com:8000',
  host: () => 'asked.example.com',
  resource: () => 'www.example.com:8000|/app',
  variable: (name) => variables[name],
}

const cases: [written: string, name: string][] = [
  ['sales', 'sales'],
  ['%{GLOBAL}', ''],
  ['%{RESOURCE}', 'www.example.com:8000|/app'],
  ['%{SERVER}', 'www.example.com:8000'],
  ['%{HOST}', 'asked.example.com'],
  ['%{ENV:G}', 'sales'],
  ['%{ENV:GLOBAL}', ''],
  ['%{ENV:HOST}', 'asked.example.com'],
  ['%{ENV:MISSING}', '%{ENV:MISSING}'],
  ['%{ENV:LOOP}', '%{ENV:G}'],
  ['x-%{SERVER}', 'x-%{SERVER}'],
  ['%{server}', '%{server}'],
]

for (const [written, name] of cases) {
  test(`${written} names '${name}'`, () =>
    assert.equal(expandGroupName(parseGroupName(written), facts), name))
}
