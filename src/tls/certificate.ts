/**
 * What mod_ssl's variables tell of a certificate, in OpenSSL's words: names by RFC 2253, dates, algorithms. Pure.
 * Rules: RFC 5280, RFC 2253; https://httpd.apache.org/docs/2.4/mod/mod_ssl.html#envvars
 */
import { type DerValue, derChildren, derText, objectIdentifier } from './der.js'

/** An attribute of a distinguished name. */
interface NamePart {
  /** Dotted object identifier. */
  readonly type: string
  readonly value: string
  /** Number of the relative name that it belongs to. */
  readonly group: number
}

export interface CertificateFacts {
  readonly version: number
  /** Upper-case hexadecimal. */
  readonly serial: string
  readonly subject: DistinguishedName
  readonly issuer: DistinguishedName
  /** `Nov 22 15:50:09 2026 GMT` */
  readonly validFrom: string
  readonly validTo: string
  /** Milliseconds since the epoch. */
  readonly validToMs: number
  /** `sha256WithRSAEncryption` */
  readonly signatureAlgorithm: string
  /** `rsaEncryption` */
  readonly keyAlgorithm: string
  readonly emails: readonly string[]
  readonly dnsNames: readonly string[]
  readonly extensions: readonly Extension[]
}

/** An extension of a certificate. */
interface Extension {
  /** Object identifier in dots. */
  readonly type: string
  /** The DER encoding that it holds. */
  readonly value: Buffer
}

/** Names that OpenSSL writes attributes with, and the suffix of mod_ssl's variable where it has one. */
const ATTRIBUTES: Readonly<Record<string, readonly [name: string, variable: string | undefined]>> = {
  '2.5.4.3': ['CN', 'CN'],
  '2.5.4.4': ['SN', 'S'],
  '2.5.4.5': ['serialNumber', undefined],
  '2.5.4.6': ['C', 'C'],
  '2.5.4.7': ['L', 'L'],
  '2.5.4.8': ['ST', 'ST'],
  '2.5.4.9': ['street', undefined],
  '2.5.4.10': ['O', 'O'],
  '2.5.4.11': ['OU', 'OU'],
  '2.5.4.12': ['title', 'T'],
  '2.5.4.13': ['description', 'D'],
  '2.5.4.17': ['postalCode', undefined],
  '2.5.4.42': ['GN', 'G'],
  '2.5.4.43': ['initials', 'I'],
  '2.5.4.46': ['dnQualifier', undefined],
  '0.9.2342.19200300.100.1.1': ['UID', 'UID'],
  '0.9.2342.19200300.100.1.25': ['DC', undefined],
  '1.2.840.113549.1.9.1': ['emailAddress', 'Email'],
}

const ALGORITHMS: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.1': 'rsaEncryption',
  '1.2.840.113549.1.1.4': 'md5WithRSAEncryption',
  '1.2.840.113549.1.1.5': 'sha1WithRSAEncryption',
  '1.2.840.113549.1.1.10': 'rsassaPss',
  '1.2.840.113549.1.1.11': 'sha256WithRSAEncryption',
  '1.2.840.113549.1.1.12': 'sha384WithRSAEncryption',
  '1.2.840.113549.1.1.13': 'sha512WithRSAEncryption',
  '1.2.840.113549.1.1.14': 'sha224WithRSAEncryption',
  '1.2.840.10040.4.1': 'dsaEncryption',
  '1.2.840.10040.4.3': 'dsaWithSHA1',
  '2.16.840.1.101.3.4.3.2': 'dsa_with_SHA256',
  '1.2.840.10045.2.1': 'id-ecPublicKey',
  '1.2.840.10045.4.1': 'ecdsa-with-SHA1',
  '1.2.840.10045.4.3.2': 'ecdsa-with-SHA256',
  '1.2.840.10045.4.3.3': 'ecdsa-with-SHA384',
  '1.2.840.10045.4.3.4': 'ecdsa-with-SHA512',
  '1.3.101.112': 'ED25519',
  '1.3.101.113': 'ED448',
}

const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17'
/** UTF8String, NumericString, PrintableString, TeletexString, IA5String, VisibleString, BMPString. */
const TEXT_TAGS: ReadonlySet<number> = new Set([0x0c, 0x12, 0x13, 0x14, 0x16, 0x1a, 0x1e])
const NOTHING = Buffer.alloc(0)

export class DistinguishedName {
  readonly #parts: readonly NamePart[]

  constructor(encoded: Buffer) {
    this.#parts = derChildren(encoded).flatMap((set, group) =>
      derChildren(set.bytes).map((pair) => {
        const [type, value] = derChildren(pair.bytes) as [DerValue, DerValue]
        return { type: objectIdentifier(type.bytes), value: derText(value), group }
      }),
    )
  }

  /** As RFC 2253 writes it, the last relative name first. */
  get text(): string {
    let text = ''
    let group = -1
    for (const part of this.#parts.toReversed()) {
      if (text !== '') text += part.group === group ? '+' : ','
      group = part.group
      text += `${ATTRIBUTES[part.type]?.[0] ?? part.type}=${escapeValue(part.value)}`
    }
    return text
  }

  /** As OpenSSL wrote names of old: `/C=GB/CN=name`, bytes beyond printable ASCII as `\\xhh`. */
  get oneLine(): string {
    const text = ({ type, value, group }: NamePart, at: number) =>
      `${this.#parts[at - 1]?.group === group ? '+' : '/'}${ATTRIBUTES[type]?.[0] ?? type}=${value.replace(/[/+]/g, '\\$&')}`
    return Buffer.from(this.#parts.map(text).join(''))
      .toString('latin1')
      .replace(/[^ -~]/g, (char) => `\\x${hex(char.charCodeAt(0))}`)
  }

  /** @param variable suffix of mod_ssl's variable: `CN`, `Email`. @param index among several of that type */
  get(variable: string, index = 0): string | undefined {
    return this.#parts.filter(({ type }) => ATTRIBUTES[type]?.[1] === variable)[index]?.value
  }

  /** All that mod_ssl has variables for: suffix (with `_n` from the second one on) and value. */
  *variables(): Iterable<readonly [suffix: string, value: string]> {
    const seen = new Map<string, number>()
    for (const { type, value } of this.#parts) {
      const variable = ATTRIBUTES[type]?.[1]
      if (variable === undefined) continue
      const count = seen.get(variable) ?? 0
      seen.set(variable, count + 1)
      yield [count === 0 ? variable : `${variable}_${count}`, value]
    }
  }
}

/** RFC 2253 section 2.4; control characters as OpenSSL writes them, bytes beyond ASCII as they are in UTF-8. */
function escapeValue(value: string): string {
  return value
    .replace(/[,+"\\<>;]/g, '\\$&')
    .replace(/^[ #]/, '\\$&')
    .replace(/(?<=.) $/, '\\ ')
    .replace(/[\0-\x1f\x7f]/g, (char) => `\\${hex(char.charCodeAt(0))}`)
    .replace(/[\u0080-\u{10ffff}]/gu, (char) =>
      [...Buffer.from(char)].map((byte) => `\\${hex(byte)}`).join(''),
    )
}

const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0')

/** @param der the certificate's encoding. @throws RangeError where it is none */
export function certificateFacts(der: Buffer): CertificateFacts {
  const [whole] = derChildren(der)
  const [body] = derChildren(whole?.bytes ?? der)
  const fields = derChildren(body?.bytes ?? der)
  const explicitVersion = fields[0]?.tag === 0xa0
  const version = explicitVersion ? (derChildren(fields[0]?.bytes as Buffer)[0]?.bytes[0] ?? 0) + 1 : 1
  const [serial, algorithm, issuer, validity, subject, keyInfo, ...more] = fields.slice(
    explicitVersion ? 1 : 0,
  ) as [DerValue, DerValue, DerValue, DerValue, DerValue, DerValue, ...DerValue[]]
  const [from, to] = derChildren(validity.bytes) as [DerValue, DerValue]
  const extensions = extensionsOf(more)
  const names = alternativeNames(extensions)
  const validTo = timeOf(to)
  return {
    version,
    serial: serial.bytes
      .toString('hex')
      .toUpperCase()
      .replace(/^00(?=.)/, ''),
    subject: new DistinguishedName(subject.bytes),
    issuer: new DistinguishedName(issuer.bytes),
    validFrom: showTime(timeOf(from)),
    validTo: showTime(validTo),
    validToMs: validTo,
    signatureAlgorithm: algorithmName(algorithm),
    keyAlgorithm: algorithmName(derChildren(keyInfo.bytes)[0] as DerValue),
    emails: names.filter(({ tag }) => tag === 0x81).map(derText),
    dnsNames: names.filter(({ tag }) => tag === 0x82).map(derText),
    extensions,
  }
}

function algorithmName(algorithm: DerValue): string {
  const oid = objectIdentifier(derChildren(algorithm.bytes)[0]?.bytes ?? NOTHING)
  return ALGORITHMS[oid] ?? oid
}

function extensionsOf(fields: readonly DerValue[]): Extension[] {
  const all = fields.find(({ tag }) => tag === 0xa3)
  if (all === undefined) return []
  return derChildren(derChildren(all.bytes)[0]?.bytes ?? NOTHING).map((extension) => {
    const parts = derChildren(extension.bytes)
    return { type: objectIdentifier(parts[0]?.bytes ?? NOTHING), value: parts.at(-1)?.bytes ?? NOTHING }
  })
}

function alternativeNames(extensions: readonly Extension[]): DerValue[] {
  const names = extensions.find(({ type }) => type === SUBJECT_ALTERNATIVE_NAME)
  return names === undefined ? [] : derChildren(derChildren(names.value)[0]?.bytes ?? NOTHING)
}

/** Texts of the extensions of one type; what an extension holds that is no text is left out. @param type object identifier in dots */
export function extensionTexts({ extensions }: CertificateFacts, type: string): string[] {
  return extensions
    .filter((extension) => extension.type === type)
    .flatMap(({ value }) => derChildren(value))
    .filter(({ tag }) => TEXT_TAGS.has(tag))
    .map(derText)
}

/** UTCTime or GeneralizedTime. */
function timeOf({ tag, bytes }: DerValue): number {
  let text = bytes.toString('latin1')
  if (tag === 0x17) text = (Number(text.slice(0, 2)) < 50 ? '20' : '19') + text
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(text) ?? []
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

function showTime(ms: number): string {
  const at = new Date(ms)
  const time = at.toISOString().slice(11, 19)
  return `${MONTHS[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2, ' ')} ${time} ${at.getUTCFullYear()} GMT`
}
