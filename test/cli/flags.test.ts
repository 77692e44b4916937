import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFlags } from '../../src/cli/flags.js'
import { helpPage } from '../../src/cli/help.js'
import { UsageError } from '../../src/cli/usage-error.js'

test('no flags: start', () => {
  assert.deepEqual(parseFlags([]).action, { kind: 'control', control: 'start' })
})

test('an argument may follow at once or as the next word', () => {
  const { configFile, defines, before, after } = parseFlags([
    '-f/etc/a.conf',
    '-D',
    'ONE',
    '-DTWO',
    '-C',
    'Listen 80',
    '-cUser x',
  ])
  assert.equal(configFile, '/etc/a.conf')
  assert.deepEqual(defines, ['ONE', 'TWO'])
  assert.deepEqual(before, ['Listen 80'])
  assert.deepEqual(after, ['User x'])
})

test('letters may be joined', () => {
  const { action, checkDocumentRoots } = parseFlags(['-tT'])
  assert.deepEqual(action, { kind: 'check' })
  assert.equal(checkDocumentRoots, false)
})

test('-S and -M are dumps, with and without -t on either side', () => {
  for (const words of [['-S'], ['-t', '-S'], ['-S', '-t'], ['-t', '-D', 'DUMP_VHOSTS']])
    assert.deepEqual(parseFlags(words).action, { kind: 'dump' }, words.join(' '))
  assert.deepEqual(parseFlags(['-S']).defines, ['DUMP_VHOSTS', 'DUMP_RUN_CFG'])
})

test('-k takes one of five words', () => {
  assert.deepEqual(parseFlags(['-k', 'graceful-stop']).action, { kind: 'control', control: 'graceful-stop' })
  assert.throws(() => parseFlags(['-k', 'foo']), UsageError)
})

test('what is wrong is named', () => {
  const cases: [string[], RegExp][] = [
    [['-Z'], /illegal option -- Z/],
    [['-d'], /option requires an argument -- d/],
    [['-e', 'loud'], /-e takes a level .*not 'loud'/],
    [['httpd.conf'], /unexpected word 'httpd.conf'$/],
    [['-d', '/x', 'status'], /unexpected word 'status': a command stands before all flags$/],
    [['--port', '80'], /unknown option --port/],
  ]
  for (const [words, message] of cases)
    assert.throws(() => parseFlags(words), { name: 'UsageError', message })
})

test('the help page fits a terminal and names every flag', () => {
  const page = helpPage()
  for (const line of page.split('\n')) assert.ok(line.length <= 100, line)
  for (const letter of 'fdDCcktSMlLvVeEXTh') assert.match(page, new RegExp(`^  -${letter}\\b`, 'm'))
})
