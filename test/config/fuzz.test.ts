/** Random configurations: reading ends, and throws nothing but SyntaxFault; applying collects its faults. The seed is fixed, so a failure repeats. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyTree } from '../../src/config/apply.js'
import { SyntaxFault } from '../../src/config/errors.js'
import { fnmatch } from '../../src/config/fnmatch.js'
import { readTree } from '../../src/config/reader.js'
import { compileRegex } from '../../src/config/regex.js'
import { splitWords } from '../../src/config/words.js'
import { ModuleRegistry } from '../../src/modules/module-registry.js'
import { memoryFiles } from '../support/memory-files.js'
import { sampleModules } from './sample-modules.js'

const ROUNDS = 3000
const vocabulary = new ModuleRegistry(sampleModules)

const PIECES =
  `One;Two;Flag;Raw;Several;Include;IncludeOptional;main.conf;*;other;/c;sub/?.conf;Define;UnDefine;a;b;\${a};\${;};<;>;</;/>;!
<Directory;</Directory>;<Files;</Files>;<VirtualHost;</VirtualHost>;<IfModule;</IfModule>;<IfDefine;</IfDefine>;<IfVersion;</IfVersion>
<Macro;</Macro>;Use;m;$x;UndefMacro;LoadModule;sample_module;ServerRoot;On;Off;Bogus;";';\\;#;1;\xe9;\0;(;);[;];{;};.;+;?;|;^;$;-;:;=;~;2.4`.split(
    /[;\n]/,
  )
const ENDS = ['', ' ', ' ', ' ', '\t', '\n', '\n', '\n', '\r\n', '\\\n', '>\n', '>\n']

/** mulberry32: small, and good enough to pick pieces. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) % below
  }
}

function randomText(pick: (below: number) => number, length: number): string {
  let text = ''
  for (let at = 0; at < length; at++) text += `${PIECES[pick(PIECES.length)]}${ENDS[pick(ENDS.length)]}`
  return text
}

test('reading and applying random text', () => {
  const pick = generator(20240607)
  let read = 0
  for (let round = 0; round < ROUNDS; round++) {
    const files = memoryFiles({
      '/c/main.conf': randomText(pick, 1 + pick(40)),
      '/c/other': randomText(pick, pick(10)),
    })
    const options = {
      file: '/c/main.conf',
      serverRoot: '/c',
      environment: {},
      vocabulary,
      files,
      htaccess: round % 5 === 0,
    }
    try {
      const tree = readTree(options)
      read++
      assert.deepEqual(JSON.parse(JSON.stringify(tree)), tree)
      applyTree(tree, vocabulary, { environment: {} })
    } catch (error) {
      if (!(error instanceof SyntaxFault))
        throw new Error(`round ${round}: ${files.read('/c/main.conf')}`, { cause: error })
      assert.notEqual(error.describe(), '')
    }
  }
  assert.ok(read > ROUNDS / 20, `only ${read} texts could be read: the pieces are too wild`)
})

test('words, wildcards and patterns of random text', () => {
  const pick = generator(7)
  for (let round = 0; round < ROUNDS; round++) {
    const text = randomText(pick, 1 + pick(8)).trim()
    splitWords(text)
    fnmatch(text, { pathname: round % 2 === 0, ignoreCase: round % 3 === 0 })
    try {
      compileRegex(text)
    } catch (error) {
      // a SyntaxError would be JavaScript's own: something that we should have translated or refused
      assert.equal((error as Error).constructor, Error, `${text}: ${error}`)
    }
  }
})
