/** Messages made of literals, for tests of what stands above the protocol. */
import { NO_BODY } from '../../src/http/http1/body.js'
import type { IncomingMessage, OutgoingMessage } from '../../src/http/message.js'

/** A request without body. */
export function incomingOf(facts: Partial<IncomingMessage> = {}): IncomingMessage {
  return {
    method: 'GET',
    target: '/',
    version: '1.1',
    rawHeaders: [],
    rawTrailers: [],
    body: NO_BODY,
    bytesReceived: 0,
    ...facts,
  }
}

/** A response that goes nowhere. */
export function outgoingOf(facts: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    hasConnectionFields: true,
    canKeep: true,
    headSent: false,
    ended: false,
    closes: false,
    isOver: false,
    isComplete: false,
    overheadBytes: 0,
    bufferedBytes: 0,
    writeContinue() {},
    respond() {},
    begin() {},
    write: () => true,
    end() {},
    cut() {},
    onDrain() {},
    onOver() {},
    whenOver: undefined,
    ...facts,
  }
}
