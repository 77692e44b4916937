/**
 * What a server did as lines of text that are the same in every run, so that two servers, or today's and yesterday's, can be compared line by line.
 */
import { gunzipSync } from 'node:zlib'
import type { Conversation, Reply } from '../wire.js'
import type { HttpdCase } from './case.js'
import { folderOf, type Place } from './site.js'

/** Longer bodies are told by their beginning and length. */
const BODY_SHOWN_CHARACTERS = 1500

/** Fields that say nothing about a case. */
const SILENT = new Set(['date', 'server'])

/** All of a conversation; `(closed)` where the server sent nothing. */
export function ofConversation(told: Conversation, one: HttpdCase, place: Place): string[] {
  const lines = told.interim.map((status) => `(${status})`)
  for (const reply of told.replies) lines.push(...ofReply(reply, one, place))
  if (told.replies.length === 0) lines.push('(closed)')
  if (told.rest !== '') lines.push(`(further bytes) ${shown(told.rest)}`)
  return lines
}

/** Status, fields by name, and the body after an empty line. */
function ofReply(reply: Reply, one: HttpdCase, place: Place): string[] {
  const find = (name: string) => reply.headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? ''
  const type = find('content-type')
  const encoded = /gzip|br/.test(find('content-encoding'))
  const body = bodyOf(reply, find('content-encoding'), type)
  // without the length of what each server words for itself
  const isPage = body === '' && reply.status >= 300 && type === 'text/html; charset=iso-8859-1'
  // httpd's boundary is as long as the time makes it
  const isParts = type.startsWith('multipart/byteranges')
  const isMade = body.startsWith('(') || isPage || isParts || type === 'message/http'
  const fields = reply.headers
    .filter(([name, value]) => {
      const key = name.toLowerCase()
      if (SILENT.has(key) || (key === 'connection' && value === 'close')) return false
      return !(key === 'content-length' && (isMade || encoded)) && key !== 'transfer-encoding'
    })
    .map(([name, value]) => `${name}: ${shownValue(name, value, find('date'))}`)
    // servers may send fields in any order; those of one name keep theirs
    .sort((a, b) =>
      compare(a.slice(0, a.indexOf(':')).toLowerCase(), b.slice(0, b.indexOf(':')).toLowerCase()),
    )
  const version = reply.version === '1.1' ? '' : `HTTP/${reply.version} `
  const head = [`${version}${reply.status} ${reply.reason}`, ...fields, ...(reply.cut ? ['(cut)'] : [])]
  const all = body === '' ? head : [...head, '', ...body.split('\n')]
  return all.map((line) => constant(shown(line), one, place))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function shownValue(name: string, value: string, date: string): string {
  switch (name.toLowerCase()) {
    case 'expires': {
      const seconds = (Date.parse(value) - Date.parse(date)) / 1000
      return Math.abs(seconds) < 86_400 * 800
        ? `(Date ${seconds < 0 ? '-' : '+'} ${Math.abs(seconds)} s)`
        : value
    }
    case 'www-authenticate':
    case 'authentication-info':
      return value.replace(/nonce="[^"]*"/g, 'nonce="…"').replace(/rspauth="[^"]*"/, 'rspauth="…"')
    case 'content-type':
      return value.replace(/boundary=.*/, 'boundary=…')
    case 'set-cookie':
      return value.replace(/expires=[^;]*/, 'expires=…')
    case 'vary':
    case 'content-language':
      return value.replace(/,\s*/g, ', ')
    case 'allow':
      // in an order that is another one in each process of httpd
      return value.split(/,\s*/).sort().join(', ')
    case 'etag':
      // of a negotiated answer, where httpd forgets the quote in the end
      return value.replace(/^("[^";]*);[^"]*$/, '$1"')
    default:
      return value
  }
}

/** The words of built-in pages and the look of listings are each server's own; what they say is compared. */
function bodyOf(reply: Reply, encoding: string, type: string): string {
  const { body } = reply
  if (encoding.includes('gzip') && body !== '') return `(gzip) ${unzipped(body)}`
  const boundary = /boundary=(.*)/.exec(type)?.[1]
  if (boundary !== undefined) return body.replaceAll(boundary, '…').replaceAll('\r', '')
  if (/<title>Index of /.test(body)) return listing(body)
  const title = /^<!DOCTYPE HTML PUBLIC [^]*<title>(\d{3} [^<]*)<\/title>/.exec(body)?.[1]
  if (title === undefined) return body
  const heading = /<h1>([^<]*)<\/h1>/.exec(body)?.[1]
  const further = [...(/(?:Additionally|either)[^<]*?(\d{3} [\w ]+)/.exec(body)?.[1] ?? [])].join('')
  const address = /<address>(.*) (Server at .*)<\/address>/.exec(body)?.[2]
  return `(page) ${title}; ${heading}${further ? `; and ${further.trim()}` : ''}${address ? `; ${address}` : ''}`
}

function unzipped(body: string): string {
  try {
    return gunzipSync(Buffer.from(body, 'latin1')).toString('latin1')
  } catch (error) {
    return `(${(error as Error).message})`
  }
}

/** The links of a listing; the one to the parent may be written either way. */
function listing(body: string): string {
  const links = [...body.matchAll(/<a href="([^"]*)">([^<]*)/g)]
  return `(listing) ${links.map(([, to, text]) => (text?.trim() === 'Parent Directory' ? '(parent)' : to)).join(' ')}`
}

/** Without the places and numbers that are new in each run. */
export function constant(text: string, one: HttpdCase, place: Place): string {
  return text
    .replaceAll(folderOf(one, place), '${D}')
    .replaceAll(place.root, '${ROOT}')
    .replaceAll(one.id, '${HOST}')
    .replace(new RegExp(`\\b${place.port}\\b`, 'g'), '${PORT}')
    .replace(new RegExp(`\\b${place.port2}\\b`, 'g'), '${PORT2}')
    .replace(new RegExp(`\\b${place.backend}\\b`, 'g'), '${BACKEND}')
    .replace(new RegExp(`\\b${place.nobody}\\b`, 'g'), '${NOBODY}')
}

/** A log as lines, without times, processes and the ports of clients. */
export function ofLog(text: string, one: HttpdCase, place: Place): string[] {
  return text.split('\n').flatMap((line) =>
    line === ''
      ? []
      : [
          constant(line, one, place)
            .replace(/\[\w{3} \w{3} \d\d \d\d:\d\d:\d\d\.\d{6} \d{4}\]/g, '[TIME]')
            .replace(/\[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]/g, '[DAY]')
            .replace(/\[pid \d+(:tid \d+)?\]/g, (_, tid) => `[pid N${tid ? ':tid N' : ''}]`)
            .replace(/(client|remote) 127\.0\.0\.1:\d+/g, '$1 127.0.0.1:N'),
        ],
  )
}

/** What is no printable ASCII as `\xNN`, and much text cut. */
function shown(text: string): string {
  const plain = text.replace(/[^\x20-\x7e…]/g, (character) =>
    character === '\t' ? '\\t' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  return plain.length > BODY_SHOWN_CHARACTERS ? `${plain.slice(0, 100)}… (${plain.length} characters)` : plain
}
