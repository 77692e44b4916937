import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairQueue } from '../../src/modules/authn-file/fair-queue.js'
import { parsePasswords, parseRealmHashes, realmKey } from '../../src/modules/authn-file/password-file.js'
import { comparePassword } from '../../src/modules/authn-file/password-hash.js'
import { type Asker, PasswordVerifier } from '../../src/modules/authn-file/verifier.js'

test('lines of a password file', () => {
  const passwords = parsePasswords('# no:one\n\nann:x:more\r\nbob:y\nann:z\nnothing\n:empty\n')
  assert.deepEqual(
    [...passwords],
    [
      ['ann', 'x'],
      ['bob', 'y'],
      ['', 'empty'],
    ],
  )
  const hashes = parseRealmHashes('ann:r:1\nann:r:2:more\nann:s:3\nann:broken\n')
  assert.deepEqual(hashes.get(realmKey('ann', 'r')), ['1', '2'])
  assert.deepEqual([...hashes.keys()], ['ann:r', 'ann:s'])
})

test('parties are served in turn, within bounds', () => {
  const queue = new FairQueue<string>(2, 4)
  assert.deepEqual(
    ['a', 'a', 'a', 'b', 'c', 'd'].map((party, at) => queue.add(party, `${party}${at}`)),
    [true, true, false, true, true, false],
  )
  assert.equal(queue.size, 4)
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => queue.take()),
    ['a0', 'b3', 'c4', 'a1', undefined],
  )
  assert.equal(queue.add('d', 'd6'), true)
})

/** `htpasswd -nbm u secret` */
const STORED = '$apr1$yyRIxsSD$wxXn/MK97r1x0E9vEMS.e/'
const asker = (remoteAddress: string, aborted = false): Asker => ({ remoteAddress, aborted })

test('slow comparisons: shared, remembered, bounded for each client, dropped when nobody waits', async () => {
  const verifier = new PasswordVerifier()
  const first = verifier.verify('secret', STORED, asker('192.0.2.1'))
  assert.ok(first instanceof Promise)
  // the same question is not asked twice
  assert.equal(verifier.verify('secret', STORED, asker('192.0.2.2')), first)
  const guesses = Array.from({ length: 40 }, (_, at) =>
    verifier.verify(`guess ${at}`, STORED, asker('192.0.2.3')),
  )
  assert.equal(guesses.filter((guess) => guess === 'busy').length, 40 - 16)
  const gone = verifier.verify('somebody left', STORED, asker('192.0.2.4', true))
  const other = verifier.verify('wrong', STORED, asker('192.0.2.5'))
  assert.deepEqual(await Promise.all([first, other, gone]), ['same', 'different', 'gone'])
  assert.ok((await Promise.all(guesses)).every((guess) => guess === 'different' || guess === 'busy'))
  assert.equal(verifier.verify('secret', STORED, asker('192.0.2.3')), 'same')
  // a quick hash is not worth a thread
  assert.equal(verifier.verify('x', '{SHA}x', asker('192.0.2.3')), 'different')
})

test('what must never match', () => {
  for (const [password, stored] of [
    ['', ''],
    ['*0', '*0'],
    ['secret', 'secret'],
    ['secretsecret1', 'secretsecret1'],
    ['secret\0x', STORED],
    ['x', '$9$unknown$kind'],
    ['x', '{SHA}'],
    ['x', '$apr1$'],
  ] as const)
    assert.notEqual(comparePassword(password, stored), 'same', JSON.stringify([password, stored]))
})
