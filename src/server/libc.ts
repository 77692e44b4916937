/**
 * The few calls of the C library that Node does not offer, through koffi: what a process does to itself before it becomes another program.
 */
import { readdirSync } from 'node:fs'
import { call, native, setCloseOnExec } from '../system/libc.js'

export const SIGPIPE = 13
/** Of `setpriority`: a process by its id; 0 is the one that calls. */
const PRIO_PROCESS = 0

export const dup2 = call<[from: number, to: number]>('int dup2(int, int)')
export const chroot = call<[path: string]>('int chroot(const char *)')
const setpriority = call<[which: number, who: number, value: number]>('int setpriority(int, uint32_t, int)')
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
const askProcess = native<[option: number, type: 'uint8_t *', answer: Buffer]>('int prctl(int, ...)')
const setHandler = native<[signal: number, handler: null], unknown>('void *signal(int, void *)')
const execve_ = call<[path: string, argv: (string | null)[], environment: (string | null)[]]>(
  'int execve(const char *, const char **, const char **)',
)

/** Sets the priority of this process. @throws SystemCallError */
export function setPriority(value: number): void {
  setpriority(PRIO_PROCESS, 0, value)
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

/** Whether orphans among the descendants of this process become its children, as they become those of process 1. Linux. */
export function isChildSubreaper(): boolean {
  const PR_GET_CHILD_SUBREAPER = 37
  const answer = Buffer.alloc(4)
  askProcess(PR_GET_CHILD_SUBREAPER, 'uint8_t *', answer)
  return answer.readInt32LE() !== 0
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
