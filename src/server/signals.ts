/**
 * What the supervisor's signals mean. Orders are carried out one after the other; an order to stop does not wait for a restart to end.
 * Manual: https://httpd.apache.org/docs/2.4/stopping.html
 */

export type Order = 'stop' | 'graceful-stop' | 'restart' | 'graceful'

/** What no process and no request notices: to see the Python stacks of all threads, and to have new log files. */
export type Wish = 'stacks' | 'reopen-logs'

/** What `-k` sends to a server that runs. */
export type Sent = Order | 'reopen-logs'

export const SIGNAL_OF = {
  stop: 'SIGTERM',
  'graceful-stop': 'SIGWINCH',
  restart: 'SIGHUP',
  graceful: 'SIGUSR1',
  'reopen-logs': 'SIGUSR2',
} as const satisfies Record<Sent, NodeJS.Signals>

/** What httpd says when it receives an order, at notice. */
export function describeOrder(
  order: Order | Wish,
  signal: NodeJS.Signals,
): { code?: string; message: string } {
  switch (order) {
    case 'stop':
      return { code: 'AH00491', message: `caught ${signal}, shutting down` }
    case 'graceful-stop':
      return { code: 'AH00492', message: `caught ${signal}, shutting down gracefully` }
    case 'restart':
      return { code: 'AH00494', message: `${signal} received.  Attempting to restart` }
    case 'graceful':
      return { code: 'AH00493', message: `${signal} received.  Doing graceful restart` }
    case 'stacks':
      return { message: `${signal} received.  Python stacks of all threads follow` }
    case 'reopen-logs':
      return { message: `${signal} received.  Log files are opened anew` }
  }
}

/**
 * Calls back for each signal that is an order, from now on.
 * @returns takes the handlers away
 */
export function onOrders(callback: (order: Order | Wish, signal: NodeJS.Signals) => void): () => void {
  const handlers: [NodeJS.Signals, () => void][] = []
  const on = (signal: NodeJS.Signals, order: Order | Wish) => {
    const handler = () => callback(order, signal)
    process.on(signal, handler)
    handlers.push([signal, handler])
  }
  for (const [order, signal] of Object.entries(SIGNAL_OF)) on(signal, order as Sent)
  on('SIGINT', 'stop')
  on('SIGQUIT', 'stacks')
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}
