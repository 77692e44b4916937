/**
 * Header signatures: the sequence of header names of a request, known to both sides by a number.
 *
 * Clients send the same few sequences over and over, so only values travel. A tree over the raw names finds the number
 * without looking at the mapping rules again; it is bounded, because clients choose the names.
 * Rules: letters, digits and `-` only, `Proxy` never, `Authorization` where allowed, duplicates joined.
 */

/** Nodes of the tree before it is started anew: some megabytes at worst. */
const NODES_MAX = 20_000
/** Numbers a channel may use at a time; the interpreter accepts 8192. */
const SIGNATURES_MAX = 4096
/** A sequence gets a number when it is seen for this many times, so that one-time oddities do not fill the table. */
const SEEN_BEFORE_NUMBERED = 2
/** Names longer than this are mapped without being remembered. */
const NAME_MAX = 128

/** RFC 9110 allows more in a token; what is left out could pass for another header once `-` has become `_`. */
const SAFE_NAME = /^[A-Za-z0-9-]+$/

const DROP = -1

/** One header in the tree: what to do with its value, and what may follow. */
interface Node {
  readonly children: Map<string, Node>
  /** Environ keys up to here. */
  readonly keys: readonly string[]
  /** Where this header's value goes: a new place at the end, joined to an earlier one, or nowhere ({@link DROP}). */
  readonly slot: number
  readonly joiner: string
  seen: number
  signature: Signature | undefined
}

/** A numbered sequence of environ keys. `generation` tells channels when older numbers have lost their meaning. */
export interface Signature {
  readonly number: number
  readonly generation: number
  readonly keys: readonly string[]
}

/** The mapping of one request: values in the order of the keys, and the number of these keys if they have one. */
export interface MappedHeaders {
  readonly keys: readonly string[]
  readonly values: string[]
  readonly signature: Signature | undefined
}

/** Maps request headers to environ entries, and remembers how. One per worker is enough. */
export class SignatureTable {
  #roots = [newRoot(), newRoot()]
  #nodes = 2
  #next = 1
  #generation = 1

  /** The current generation; numbers of older ones must not be used any more. */
  get generation(): number {
    return this.#generation
  }

  /** @param rawHeaders names and values alternating, as in `IncomingMessage.rawHeaders` */
  map(rawHeaders: readonly string[], passAuthorization: boolean): MappedHeaders {
    let node = this.#roots[passAuthorization ? 1 : 0] as Node
    const values: string[] = []
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] as string
      node = node.children.get(name) ?? this.#grow(node, name, passAuthorization)
      const value = rawHeaders[i + 1] as string
      if (node.slot === values.length) values.push(value)
      else if (node.slot !== DROP) values[node.slot] += node.joiner + value
    }
    return { keys: node.keys, values, signature: node.signature ?? this.#number(node) }
  }

  #grow(parent: Node, name: string, passAuthorization: boolean): Node {
    const key = environKey(name, passAuthorization)
    const at = key === undefined ? DROP : parent.keys.indexOf(key)
    const isNew = key !== undefined && at === DROP
    const node: Node = {
      children: new Map(),
      keys: isNew ? [...parent.keys, key] : parent.keys,
      slot: isNew ? parent.keys.length : at,
      joiner: key === 'HTTP_COOKIE' ? '; ' : ', ',
      seen: 0,
      signature: undefined,
    }
    if (name.length > NAME_MAX) return node
    if (this.#nodes >= NODES_MAX) this.#startAnew()
    else {
      parent.children.set(name, node)
      this.#nodes++
    }
    return node
  }

  #number(node: Node): Signature | undefined {
    if (++node.seen < SEEN_BEFORE_NUMBERED) return undefined
    if (this.#next >= SIGNATURES_MAX) {
      this.#startAnew()
      return undefined
    }
    node.signature = { number: this.#next++, generation: this.#generation, keys: node.keys }
    return node.signature
  }

  #startAnew(): void {
    this.#roots = [newRoot(), newRoot()]
    this.#nodes = 2
    this.#next = 1
    this.#generation++
  }
}

function newRoot(): Node {
  return { children: new Map(), keys: [], slot: DROP, joiner: '', seen: 0, signature: undefined }
}

/** The environ key of a header, or undefined where applications never see it. */
export function environKey(name: string, passAuthorization: boolean): string | undefined {
  if (!SAFE_NAME.test(name)) return undefined
  const upper = name.toUpperCase().replaceAll('-', '_')
  switch (upper) {
    case 'CONTENT_TYPE':
    case 'CONTENT_LENGTH':
      return upper
    case 'PROXY': // httpoxy, CVE-2016-5385
    case 'PROXY_AUTHORIZATION':
      return undefined
    case 'AUTHORIZATION':
      return passAuthorization ? 'HTTP_AUTHORIZATION' : undefined
    default:
      return `HTTP_${upper}`
  }
}
