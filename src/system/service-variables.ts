/**
 * Variables with which a service manager speaks to the process that it starts: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3). They are for
 * the supervisor alone. No process of ours or of an application's is to speak for it, or to take its descriptors for sockets.
 */
export const SERVICE_VARIABLES = [
  'NOTIFY_SOCKET',
  'LISTEN_PID',
  'LISTEN_PIDFDID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
] as const

export type ServiceVariables = Readonly<Partial<Record<(typeof SERVICE_VARIABLES)[number], string>>>

/** Takes them out of this process's environment. To be called once, before other processes are started. */
export function takeServiceVariables(environment = process.env): ServiceVariables {
  const taken: Partial<Record<string, string>> = {}
  for (const name of SERVICE_VARIABLES) {
    const value = environment[name]
    if (value !== undefined) taken[name] = value
    delete environment[name]
  }
  return taken
}
