/**
 * A connection as one request sees it whose client is behind a proxy: another address, all else the same.
 */
import type { Connection } from '../../request/request.js'

export class ForwardedConnection implements Connection {
  remoteHost: string | undefined = undefined

  constructor(
    private readonly base: Connection,
    readonly remoteAddress: string,
  ) {}

  get peerAddress(): string {
    return this.base.remoteAddress
  }
  get id() {
    return this.base.id
  }
  get remotePort() {
    return this.base.remotePort
  }
  get localAddress() {
    return this.base.localAddress
  }
  get localPort() {
    return this.base.localPort
  }
  get secure() {
    return this.base.secure
  }
  get tls() {
    return this.base.tls
  }
  get plainOnTls() {
    return this.base.plainOnTls === true
  }
  get listenerHost() {
    return this.base.listenerHost
  }
  get listenerPort() {
    return this.base.listenerPort
  }
  get closing() {
    return this.base.closing === true
  }
  get watched() {
    return this.base.watched
  }
  get keepalives() {
    return this.base.keepalives
  }
  set keepalives(count: number) {
    this.base.keepalives = count
  }
  get aborted() {
    return this.base.aborted
  }
  set aborted(is: boolean) {
    this.base.aborted = is
  }
}
