/**
 * A server in the foreground that a program has started for itself (`serve` of src/api/): it tells that program what it does, over the channel that
 * Node makes between the two, and leaves with it.
 */
import type { ListenAddress } from './listeners.js'

/** Set to anything by such a program. Others may have a channel for purposes of their own. */
export const PARENT_VARIABLE = 'WSGI_HTTPD_PARENT'

export type SupervisorEvent =
  /** Accepts connections with a new configuration. */
  | { readonly type: 'serving'; readonly addresses: readonly ListenAddress[] }
  /** A restart has come to nothing, and the server goes on as it was. */
  | { readonly type: 'kept'; readonly reason: string }
  | { readonly type: 'restarting' }
  | { readonly type: 'stopping' }

export interface Parent {
  tell(event: SupervisorEvent): void
  /** The server has stopped: nothing keeps this process any more. */
  leave(): void
}

/**
 * The program that is to be told; undefined where there is none. To be called once, before other processes are started.
 * @param stop called when it is gone
 */
export function findParent(stop: () => void): Parent | undefined {
  const isWanted = process.env[PARENT_VARIABLE] !== undefined
  delete process.env[PARENT_VARIABLE]
  if (!isWanted || process.send === undefined) return undefined
  process.on('disconnect', stop)
  return {
    tell(event) {
      if (process.connected) process.send?.(event)
    },
    leave() {
      process.off('disconnect', stop)
      if (process.connected) process.disconnect()
    },
  }
}
