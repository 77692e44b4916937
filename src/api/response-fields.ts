/**
 * The application's header fields beside those that the service has set before it: as a rule the application's field replaces the service's of that
 * name. Fields of which each says something of its own are added, and `Vary` names what both depend on.
 * Everything is set by `setHeader`, as middlewares expect that look at a response when its header is written.
 */
import { ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import { outgoingFields } from '../http/http2/fields.js'
import type { AnyResponse } from './http-types.js'

/** Fields that may be repeated, and that stand for something else each time. Also in docs/api.md. */
const ADDED: ReadonlySet<string> = new Set(['set-cookie', 'link', 'www-authenticate', 'server-timing'])

/**
 * @param fields names and values in turn
 * @throws where a name or a value cannot stand in a header; nothing has been set then
 */
export function setFields(response: AnyResponse, fields: readonly string[]): void {
  if (!(response instanceof ServerResponse)) {
    const { headers } = outgoingFields(fields)
    for (const name in headers) setField(response, name, headers[name] as string | string[])
    return
  }
  for (let at = 0; at < fields.length; at += 2) {
    validateHeaderName(fields[at] as string)
    validateHeaderValue(fields[at] as string, fields[at + 1] as string)
  }
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    const value = fields[at + 1] as string
    if (isRepeated(fields, at)) response.appendHeader(name, value)
    else setField(response, name, value)
  }
}

/** Whether the field has come before. */
function isRepeated(fields: readonly string[], at: number): boolean {
  const name = fields[at] as string
  for (let before = 0; before < at; before += 2) {
    const one = fields[before] as string
    if (one.length === name.length && one.toLowerCase() === name.toLowerCase()) return true
  }
  return false
}

function setField(response: AnyResponse, name: string, value: string | string[]): void {
  const before = response.getHeader(name)
  const joined = before === undefined ? value : joinedWith(before, name.toLowerCase(), value)
  // Node's types want the one kind of response or the other
  ;(response as ServerResponse).setHeader(name, joined)
}

function joinedWith(
  before: number | string | readonly string[],
  name: string,
  value: string | string[],
): string | string[] {
  if (name === 'vary') return varying(`${before}, ${value}`)
  return ADDED.has(name) ? [before, value].flat().map(String) : value
}

/** Each name once; `*` stands for all. */
function varying(list: string): string {
  const names = new Map<string, string>()
  for (const name of list.split(',')) {
    const plain = name.trim()
    if (plain === '*') return plain
    if (plain !== '' && !names.has(plain.toLowerCase())) names.set(plain.toLowerCase(), plain)
  }
  return [...names.values()].join(', ')
}
