/**
 * Serial numbers of certificates, as the openssl command writes them: whole octets, and none of those that DER does not keep.
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
