/** PCRE patterns in JavaScript: what they match, what is refused and why. Expectations were compared with Perl's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileRegex } from '../../src/config/regex.js'

/** Pattern, text, what matches and its groups; null: no match. */
const MATCHES: readonly (readonly [string, string, readonly (string | undefined)[] | null])[] = [
  ['^/app/(.*)\\.py$', '/app/x/y.py', ['/app/x/y.py', 'x/y']],
  // the dollar matches at the very end only, the dot matches line ends
  ['a$', 'a\n', null],
  ['a.b', 'a\nb', ['a\nb']],
  ['a\\Z', 'a\n', ['a']],
  ['a\\z', 'a\n', null],
  ['(?-s)a.b', 'a\nb', null],
  ['(?m)^b$', 'a\nb\nc', ['b']],
  // case: ASCII alone
  ['(?i)^AbC$', 'aBc', ['aBc']],
  ['(?i)\xe9', '\xc9', null],
  ['a(?i)b(?-i)c', 'aBc', ['aBc']],
  ['a(?i)b(?-i)c', 'aBC', null],
  ['(?i:a)b', 'Ab', ['Ab']],
  ['(a(?i)b|c)d', 'Cd', ['Cd', 'C']],
  ['(?i)[a-f]+', 'aBCz', ['aBC']],
  ['(?i)(a)\\1', 'aA', ['aA', 'a']],
  ['(?x) a b # comment\n c', 'abc', ['abc']],
  ['(?^i)A B', 'a b', ['a b']],
  // classes
  ['^[[:alnum:]_-]+$', 'aZ0_-', ['aZ0_-']],
  ['[[:^digit:]]', '1a', ['a']],
  ['[]a]+', 'a]a', ['a]a']],
  ['[^]a]', ']ab', ['b']],
  ['[\\w.-]+', 'a.b-c d', ['a.b-c']],
  ['[\\]\\\\]+', '\\]', ['\\]']],
  ['\\s', '\xa0', null],
  ['\\h', '\xa0', ['\xa0']],
  ['[^a]', '\xff', ['\xff']],
  ['\\x41\\x{42}\\103\\o{104}\\e', 'ABCD\x1b', ['ABCD\x1b']],
  ['a\\Q.*\\E+', 'a.**', ['a.**']],
  ['\\R', 'a\r\nb', ['\r\n']],
  // quantifiers
  ['a{2}', 'aaa', ['aa']],
  ['a{,2}', 'a{,2}', ['a{,2}']],
  ['x{a}', 'x{a}', ['x{a}']],
  ['a++b', 'aab', ['aab']],
  ['a++a', 'aaa', null],
  ['(?>a|ab)c', 'abc', null],
  ['(a++)(b)', 'aab', ['aab', 'aa', 'b']],
  ['(?:a?+)(b)1', 'b1', ['b1', 'b']],
  // groups
  ['(?<year>\\d{4})-\\k<year>', '2024-2024', ['2024-2024', '2024']],
  ["(?P<a>x)(?P=a)(?'b'y)\\g{b}", 'xxyy', ['xxyy', 'x', 'y']],
  ['(a)(b)\\g{-1}', 'abb', ['abb', 'a', 'b']],
  ['(a)\\11', 'aa1', null],
  ['(?#comment)a', 'a', ['a']],
  ['(?<=/)x(?!y)', '/xy/x', ['x']],
  ['()', '', ['', '']],
  ['', 'a', ['']],
]

for (const [pattern, text, expected] of MATCHES) {
  test(`${JSON.stringify(pattern)} on ${JSON.stringify(text)}`, () => {
    const match = compileRegex(pattern).exec(text)
    assert.deepEqual(match === null ? null : [...match], expected)
  })
}

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['(', /missing closing parenthesis/],
  ['a)', /unmatched closing parenthesis at offset 1/],
  ['[a', /missing terminating \]/],
  ['[z-a]', /range out of order/],
  ['[a-\\d]', /invalid range/],
  ['[[:nope:]]', /unknown POSIX class name/],
  ['*a', /quantifier does not follow a repeatable item/],
  ['a{2,1}', /numbers out of order/],
  ['a\\', /\\ at end of pattern/],
  ['(?(1)a|b)', /unsupported group/],
  ['(?R)', /recursion/],
  ['(*ACCEPT)', /verbs/],
  ['\\K', /\\K is not supported/],
  ['\\p{L}', /\\p is not supported/],
  ['\\x{100}', /byte by byte/],
  ['(a)?\\1', /may not have taken part/],
  ['(a)|\\1', /may not have taken part/],
  ['\\2(a)', /non-existent/],
  ['(?<a>x)(?<a>y)', /same name/],
  ['(?J)a', /inline flag 'J'/],
  ['(?<=a++)b', /lookbehind/],
  ['('.repeat(100_000), /nested too deeply/],
]

for (const [pattern, reason] of REFUSED) {
  test(`${JSON.stringify(pattern.slice(0, 30))} is refused`, () => {
    assert.throws(() => compileRegex(pattern), reason)
  })
}

test('named groups are in groups, helpers for atomic groups in no result', () => {
  const regex = compileRegex('(?>a)(?<b>b)')
  assert.deepEqual({ ...regex.exec('ab')?.groups }, { b: 'b' })
  assert.equal('ab'.replace(regex, '[$1]'), '[b]')
  assert.equal(regex.test('ab'), true)
})
