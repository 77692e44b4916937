/**
 * Certificates for tests, made by the openssl command into a directory: a CA, and leaves that it signs.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Why tests that need certificates are skipped; false where they are not. */
export const skipWithoutOpenssl: string | false =
  spawnSync('openssl', ['version']).status === 0 ? false : 'the openssl command is not installed'

function openssl(directory: string, ...words: string[]): void {
  execFileSync('openssl', words, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Asks for a key on the curve P-256, without a pass phrase. */
export const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Makes `ca.crt` and `ca.key`. */
export function makeAuthority(directory: string, name = 'ca'): void {
  openssl(
    directory,
    ...['req', '-x509', ...EC, '-keyout', `${name}.key`, '-out', `${name}.crt`],
    ...['-days', '30', '-subj', `/C=GB/O=Test CA/CN=${name}`],
  )
}

/** Makes `NAME.crt` and `NAME.key`, signed by the CA `by`. `more`: further lines of extensions. */
export function makeCertificate(
  directory: string,
  name: string,
  { subject = `/CN=${name}`, names = `DNS:${name}`, by = 'ca', more = '' } = {},
): void {
  openssl(directory, ...['req', ...EC, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject])
  writeFileSync(path.join(directory, `${name}.ext`), `subjectAltName=${names}\n${more}`)
  openssl(
    directory,
    ...['x509', '-req', '-in', `${name}.csr`, '-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial'],
    ...['-days', '20', '-extfile', `${name}.ext`, '-out', `${name}.crt`],
  )
  chmodSync(path.join(directory, `${name}.key`), 0o600)
}

/** Encrypts `NAME.key`. */
export function encryptKey(directory: string, name: string, passPhrase: string): void {
  openssl(
    directory,
    ...['pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-in', `${name}.key`, '-out', `${name}.locked`],
    ...['-passout', `pass:${passPhrase}`],
  )
}
