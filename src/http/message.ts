/**
 * A request and its response as the rest of the server sees them, whatever protocol carries them: HTTP/1 (http1/) over a plain or an encrypted
 * socket, or one stream of an HTTP/2 connection. One class of the protocol implements each interface, and makes both objects anew for every
 * request, so that who keeps one too long cannot reach the next request.
 *
 * Who calls whom: the protocol hands a pair of messages to a {@link MessageSink} once the header of the request is there. The sink answers with
 * `outgoing.respond`, or `begin`, `write` and `end`; `outgoing.whenOver` is called exactly once, when nothing more can be sent: all of it has been
 * handed to the kernel, or the client or we gave up.
 *
 * Strings are latin-1: one character per byte.
 */

import type { Duplex } from 'node:stream'

/** A request: its header is complete, its body on its way. */
export interface IncomingMessage {
  readonly method: string
  /** The request target as sent. HTTP/2: `:path`. */
  readonly target: string
  /** `1.1`, `1.0`, `2.0`: the number after `HTTP/`. */
  readonly version: string
  /** Names and values in turn, as sent. HTTP/2: without pseudo-fields, with a `Host` made of `:authority` where there is none. */
  readonly rawHeaders: readonly string[]
  /** Fields after the body; empty until it has ended. */
  readonly rawTrailers: readonly string[]
  readonly body: BodySource
  /** Bytes of this message that have been received so far, header and framing included. */
  readonly bytesReceived: number
}

/**
 * A request's body. Nothing is read before somebody asks: until {@link read}, no more than a little gathers here ({@link backlog}), and the client
 * is held back by its own socket.
 */
export interface BodySource {
  /** All of it has arrived, though perhaps not been read. True from the start where there is none. */
  readonly complete: boolean
  /** The reader has been told that it ended (or there is none, or it was taken whole). */
  readonly ended: boolean
  /** The client went away, or broke the framing, before it was complete. */
  readonly aborted: boolean
  /** It was given up, as it came too slowly: {@link aborted} is true as well. */
  readonly timedOut?: boolean
  /** Somebody has begun to read it, or has taken it whole. */
  readonly begun: boolean
  /** Somebody reads it, is not pausing, and it has not ended: what is waited for is the client. */
  readonly flowing: boolean
  /** Bytes that have arrived and wait for a reader. */
  readonly backlog: number
  /** The whole body where it has arrived and nobody has begun to read; undefined otherwise. */
  takeWhole(): Buffer | undefined
  /**
   * Begins to read, or goes on where another reader has stopped. The reader is called from later turns only, and exactly one of `end` and
   * `aborted` at last, unless {@link stop} comes first.
   */
  read(reader: BodyReader): void
  /** Holds the client back; at most what is on its way in this process still comes. */
  pause(): void
  resume(): void
  /** The reader wants no more. What still comes is discarded or held back as the protocol needs it; another reader may go on with the rest. */
  stop(): void
  /** A reader has done with a chunk, of which nothing may be in use any more: its memory serves again. Nobody has to call it. */
  release?(chunk: Buffer): void
  /**
   * The client's connection, for somebody else to read the rest of the body from it: so many bytes, of which nothing has been read here. Until
   * {@link takeBack} nothing is read here, and the reader is told nothing but that the client is gone. Undefined where it cannot be had: the length is
   * not known or less than `least`, something has come that the reader does not have yet, it pauses, or the protocol has no such thing.
   * @param isKept the connection may serve other requests afterwards; else the response says that it does not, and it is too late once that has begun
   */
  lend?(least: number, isKept: boolean): LentBody | undefined
  /**
   * Whoever has borrowed it has read so many bytes more, and waited for the client so many milliseconds.
   * @returns false: that is more than there was
   */
  taken?(bytes: number, waitedMs: number): boolean
  /** The connection is back; all that was read from it has been told by {@link taken}. What is left comes to the reader as ever. */
  takeBack?(): void
  /** Milliseconds that others have waited for the client since this was asked last. */
  waitedMs?(): number
}

/** A connection to read from. */
export interface LentBody {
  /** It stays the connection's: never close it. */
  readonly descriptor: number
  readonly bytes: number
}

export interface BodyReader {
  /** The chunk belongs to the reader. */
  data(chunk: Buffer): void
  end(): void
  aborted(): void
}

/** The header of a response. */
export interface ResponseHead {
  readonly status: number
  /** Reason phrase; HTTP/2 leaves it out. */
  readonly reason: string
  /** Names and values in turn. The protocol itself adds `Date` and, in HTTP/1, `Transfer-Encoding`; neither may be among them. */
  readonly fields: readonly string[]
  /** There is no body, whatever the fields say: HEAD, 204, 304. */
  readonly bodyless: boolean
  /** Whether the fields have a `Content-Length`: the body is framed by it, and the caller sends exactly as much. */
  readonly hasLength: boolean
  /** HTTP/1: the client is treated as one that speaks HTTP/1.0, so nothing is sent in chunks. */
  readonly isForOld?: boolean
  /** HTTP/1: the version that the status line names; `1.1` where it is left out. */
  readonly version?: '1.0' | '1.1'
  /** No other request after this one. In HTTP/1 the fields say so, too ({@link OutgoingMessage.hasConnectionFields}). */
  readonly close: boolean
}

/** A response. What is called after the end, or after {@link isOver}, does nothing. */
export interface OutgoingMessage {
  /** HTTP/1: `Connection` and `Keep-Alive` have a meaning, and {@link canKeep} is asked. */
  readonly hasConnectionFields: boolean
  /** As far as the protocol and the client are concerned, another request can follow on the connection. */
  readonly canKeep: boolean
  /** A header has been sent (100 Continue does not count). */
  readonly headSent: boolean
  /** `respond`, `end` or `cut` was called. */
  readonly ended: boolean
  /** The header has been sent, and said that no other request follows. */
  readonly closes: boolean
  /** Nothing can be sent any more. */
  readonly isOver: boolean
  /** All of it has been handed to the kernel. */
  readonly isComplete: boolean
  /** Bytes sent or waiting that are no body: header and framing. */
  readonly overheadBytes: number
  /** Bytes that wait for the client in this process. */
  readonly bufferedBytes: number
  /** Sends `100 Continue`, where nothing has been sent yet. */
  writeContinue(): void
  /**
   * Sends the header and a whole body, in one write where they are small.
   * @throws {@link HeaderFault} where a name, a value or the reason cannot stand in a header; nothing has been sent then.
   */
  respond(head: ResponseHead, body: string | Uint8Array): void
  /** Sends the header (at the latest with the first piece). @throws {@link HeaderFault} as `respond` */
  begin(head: ResponseHead): void
  /** False: more than a little waits for the client; go on when `onDrain` calls. The piece is taken in either case. */
  write(chunk: string | Uint8Array): boolean
  /** @param trailers names and values in turn; left out where the protocol or the framing has no place for them. */
  end(trailers?: readonly string[]): void
  /**
   * Sends a header that ends HTTP on this connection (101), and hands the connection over. Absent where the protocol cannot; undefined where it
   * is too late. The response is over when the socket is closed.
   * @throws {@link HeaderFault} as `respond`
   */
  switchProtocols?(head: ResponseHead): SwitchedConnection | undefined
  /**
   * The descriptor of the connection, where the next bytes of the body can be written to it by somebody else just as they are: everything so far
   * has gone, and the length frames the body. Absent where the protocol has no such thing.
   */
  lend?(): number | undefined
  /**
   * The same for somebody who writes the header, too, as far as it has not gone, and frames the body himself. `later`: something waits for the
   * client, `onDrain` tells when it does not.
   * @param room bytes that the body may still have, where that is known
   * @param firstMaxBytes of what has not gone yet; what is longer is written here
   * @param isKept the connection may serve other requests afterwards; else the header says that it does not, and it is too late once that has gone
   */
  handOver?(
    room: number | undefined,
    firstMaxBytes: number,
    isKept: boolean,
  ): HandedOver | 'later' | undefined
  /** The rest of what he has begun to write. False as {@link write}. */
  writeAsIs?(bytes: Uint8Array): boolean
  /** He has written so many bytes that are neither body nor what was handed over. */
  countElsewhere?(overheadBytes: number): void
  /** Ends it so that the client can tell that it is incomplete: closes or resets the connection (HTTP/2: the stream). */
  cut(): void
  /** Calls each time that what waited has gone. One listener at a time. */
  onDrain(callback: () => void): void
  /** Calls once when nothing more can be sent, at once where that is so already. */
  onOver(callback: () => void): void
  /** The sink's own notification; called after those of `onOver`. */
  whenOver: ((outgoing: OutgoingMessage) => void) | undefined
}

/** A connection for somebody else to write to. */
export interface HandedOver {
  /** It stays the connection's: never close it. */
  readonly descriptor: number
  /** What the client gets before anything else: the header, mostly. Latin-1. */
  readonly first: string
  /** The body goes in chunks (RFC 9112 section 7.1); the last one, which ends it, is not his to write. Otherwise as it is. */
  readonly isChunked: boolean
  /** Bytes that the body may still have; undefined where only its end tells. */
  readonly room: number | undefined
}

/** A connection that speaks something else from now on. */
export interface SwitchedConnection {
  readonly socket: Duplex
  /** What the client has sent already. */
  readonly received: Buffer
}

/** A header field that would break the response, or split it in two. */
export class HeaderFault extends Error {}

/** A length that is no number: clients and proxies differ in what they make of it, so that one of them takes the body for another response. */
export function isBadLength(name: string, value: string): boolean {
  return name.length === 14 && name.toLowerCase() === 'content-length' && !/^\d+$/.test(value)
}

/** Takes requests from a protocol. `Conn` is what the sink keeps for each client connection. */
export interface MessageSink<Conn> {
  /** The header of a request is there. Returns without throwing. */
  serve(connection: Conn, incoming: IncomingMessage, outgoing: OutgoingMessage): void
}
