/**
 * The few calls of the C library that Node does not offer, through koffi: sockets bound without being read from, and what a process
 * does to itself before it becomes another program. Numbers of constants differ between Linux and Darwin, and stand in one table.
 */
import { readdirSync } from 'node:fs'
import { call, native, setCloseOnExec } from '../system/libc.js'

const LINUX = {
  AF_INET: 2,
  AF_INET6: 10,
  SOCK_STREAM: 1,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_KEEPALIVE: 9,
  IPPROTO_IPV6: 41,
  IPV6_V6ONLY: 26,
  SIGPIPE: 13,
  PRIO_PROCESS: 0,
} as const

const DARWIN: Record<keyof typeof LINUX, number> = {
  ...LINUX,
  AF_INET6: 30,
  SOL_SOCKET: 0xffff,
  SO_REUSEADDR: 4,
  SO_KEEPALIVE: 8,
  IPV6_V6ONLY: 27,
}

export const C: Readonly<Record<keyof typeof LINUX, number>> = process.platform === 'darwin' ? DARWIN : LINUX

export const socket = call<[domain: number, type: number, protocol: number]>('int socket(int, int, int)')
export const bind = call<[fd: number, address: Buffer, length: number]>(
  'int bind(int, const uint8_t *, uint32_t)',
)
export const listen = call<[fd: number, backlog: number]>('int listen(int, int)')
const setsockopt = call<[fd: number, level: number, option: number, value: Buffer, length: number]>(
  'int setsockopt(int, int, int, const uint8_t *, uint32_t)',
)
export const dup2 = call<[from: number, to: number]>('int dup2(int, int)')
export const chroot = call<[path: string]>('int chroot(const char *)')
export const setpriority = call<[which: number, who: number, value: number]>(
  'int setpriority(int, uint32_t, int)',
)
const prctl =
  call<
    [
      option: number,
      t2: 'ulong',
      a2: number,
      t3: 'ulong',
      a3: number,
      t4: 'ulong',
      a4: number,
      t5: 'ulong',
      a5: number,
    ]
  >('int prctl(int, ...)')
const interfaceNumber = native<[name: string]>('uint32 if_nametoindex(const char *)')
const setHandler = native<[signal: number, handler: null], unknown>('void *signal(int, void *)')
const execve_ = call<[path: string, argv: (string | null)[], environment: (string | null)[]]>(
  'int execve(const char *, const char **, const char **)',
)

/** Turns an option of a socket on or off. */
export function setSocketFlag(fd: number, level: number, option: number, on: boolean): void {
  const value = Buffer.alloc(4)
  value.writeInt32LE(on ? 1 : 0)
  setsockopt(fd, level, option, value, value.length)
}

/** Marks every descriptor as not to be inherited, except those named: whoever started this server may have left some open. */
export function closeAllOnExec(except: ReadonlySet<number>): void {
  for (const name of readdirSync('/dev/fd')) {
    const fd = Number(name)
    if (except.has(fd)) continue
    try {
      setCloseOnExec(fd, true)
    } catch {
      // the descriptor of the listing itself, closed by now
    }
  }
}

/** A new stream socket that no child inherits by accident. */
export function streamSocket(domain: number): number {
  const fd = socket(domain, C.SOCK_STREAM, 0)
  setCloseOnExec(fd, true)
  return fd
}

/** Index of a network interface by name, 0 if there is none: the zone of a link-local address. */
export function interfaceIndex(name: string): number {
  return interfaceNumber(name)
}

/**
 * Asks the kernel to kill this process when the one that started it dies. Must come after the last change of user or group, which clears it.
 * Linux only; elsewhere nothing happens, and the end of the control connection has to do.
 */
export function dieWithParent(): void {
  const PR_SET_PDEATHSIG = 1
  const SIGKILL = 9
  if (process.platform === 'linux') {
    prctl(PR_SET_PDEATHSIG, 'ulong', SIGKILL, 'ulong', 0, 'ulong', 0, 'ulong', 0)
  }
}

/** Signals that Node ignores, or a parent had ignored, are ignored by the next program too: gives this one its default action. */
export function resetSignal(signal: number): void {
  setHandler(signal, null)
}

/** Becomes another program. @throws SystemCallError; returns never. */
export function execve(
  path: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): never {
  const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  execve_(path, [...argv, null], [...words, null])
  throw new Error('execve returned')
}
