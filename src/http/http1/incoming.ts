/** A request that came over HTTP/1. */
import type { BodySource, IncomingMessage } from '../message.js'
import type { RequestHead } from './grammar.js'

const NONE: readonly string[] = []

export class Http1Incoming implements IncomingMessage {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly rawHeaders: readonly string[]
  rawTrailers: readonly string[] = NONE

  constructor(
    head: RequestHead,
    readonly body: BodySource,
    public bytesReceived: number,
  ) {
    this.method = head.method
    this.target = head.target
    this.version = head.version
    this.rawHeaders = head.rawHeaders
  }
}

/** Stands for what could not be read as a request. */
export const UNREADABLE: RequestHead = {
  method: '',
  target: '',
  version: '1.1',
  rawHeaders: [],
  length: 0,
  canKeep: false,
  saysClose: false,
}
