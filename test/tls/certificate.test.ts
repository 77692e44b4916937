/**
 * What is told of certificates, as the openssl command writes it. Serial numbers: whole octets, and none of those that DER does not keep. Names of
 * old: several attributes in one place, and what is escaped.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { certificateFacts } from '../../src/tls/certificate.js'
import { EC, skipWithoutOpenssl } from '../support/certificates.js'

const REQUEST = ['req', '-x509', ...EC, '-subj', '/CN=x']

for (const [asked, written] of [
  ['0', '00'],
  ['1', '01'],
  ['0x0d23659676c42acdecf2691d4a24d3b9dc41e55a', '0D23659676C42ACDECF2691D4A24D3B9DC41E55A'],
  ['0x00d23659676c42acdecf2691d4a24d3b9dc41e55', 'D23659676C42ACDECF2691D4A24D3B9DC41E55'],
  ['0x7f00', '7F00'],
  ['0x80', '80'],
] as const)
  test(`a serial number of ${asked}`, { skip: skipWithoutOpenssl }, () => {
    const pem = execFileSync('openssl', [...REQUEST, '-keyout', '/dev/null', '-set_serial', asked], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const shown = execFileSync('openssl', ['x509', '-noout', '-serial'], { input: pem, encoding: 'utf8' })
    assert.equal(shown.trim(), `serial=${written}`)
    assert.equal(certificateFacts(new X509Certificate(pem).raw).serial, written)
  })

test('a name of old', { skip: skipWithoutOpenssl }, () => {
  const subject = ['-utf8', '-multivalue-rdn', '-subj', '/C=GB/O=B\u00fccher+OU=x\\/y\\+z/CN=a b']
  const pem = execFileSync('openssl', ['req', '-x509', ...EC, ...subject, '-keyout', '/dev/null'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const shown = execFileSync('openssl', ['x509', '-noout', '-subject', '-nameopt', 'compat'], {
    input: pem,
    encoding: 'utf8',
  })
  assert.match(shown, /\+O=/)
  assert.equal(`subject=${certificateFacts(new X509Certificate(pem).raw).subject.oneLine}`, shown.trim())
})
