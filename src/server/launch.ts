/**
 * Started as `node launch.js PLAN` for each daemon process. Gives up privileges, then becomes the group's Python, in that order: the
 * executable and its site directories may belong to the group's user, and nothing of theirs may run as root.
 *
 * Every step that fails ends the process; it never goes on with rights that it should not have.
 */
import { writeSync } from 'node:fs'
import { INTERNAL_VARIABLES } from '../python/start.js'
import { setCloseOnExec, setWaiting } from '../system/libc.js'
import { LAUNCH_FAILED_STATUS, type LaunchPlan } from './launch-plan.js'
import { chroot, closeAllOnExec, dieWithParent, execve, resetSignal, SIGPIPE, setPriority } from './libc.js'
import { explainPath } from './path-access.js'
import { describeIdentity, takeGroups, takeUser } from './privileges.js'

const plan = JSON.parse(process.argv[2] ?? '{}') as LaunchPlan
const who = describeIdentity(plan.identity)

launch()

function launch(): void {
  // While there is a /dev/fd, which a jail need not have
  closeAllOnExec(new Set([0, 1, 2, ...plan.keep]))
  if (plan.priority !== 0)
    optionalStep(`set the priority to ${plan.priority}`, () => setPriority(plan.priority))
  const { identity, chroot: jail } = plan
  if (identity !== null) step(`become group ${identity.gid}`, () => takeGroups(identity))
  if (jail !== undefined) step(`change the root directory to ${jail}`, () => enterJail(jail))
  if (identity !== null) step(`become ${who}`, () => takeUser(identity))
  changeDirectory()
  if (plan.umask !== undefined) process.umask(plan.umask)
  step('ask to be killed with the server', watchParent)
  step(`start ${plan.program}`, becomePython)
}

function enterJail(path: string): void {
  chroot(path)
  process.chdir('/')
}

function changeDirectory(): void {
  const { path, required } = plan.directory
  const enter = () => {
    const obstacle = explainPath(path, 'search', who)
    if (obstacle !== undefined) throw new Error(obstacle)
    process.chdir(path)
  }
  if (required) step(`use ${path} as working directory`, enter)
  else if (!optionalStep(`use ${path} as working directory; / is used instead`, enter)) process.chdir('/')
}

/** The kernel forgets this at each change of user, so it comes last. The parent may have died just before. */
function watchParent(): void {
  dieWithParent()
  if (process.ppid !== plan.supervisorPid) process.exit(0)
}

function becomePython(): void {
  const obstacle = explainPath(plan.program, 'execute', who)
  if (obstacle !== undefined) throw new Error(obstacle)
  const script = plan.argv.find((word) => word.endsWith('.py'))
  const unreadable = script === undefined ? undefined : explainPath(script, 'read', who)
  if (unreadable !== undefined) throw new Error(unreadable)
  // Node has marked these too, and ignores SIGPIPE; from Node 26 on it has also opened its standard streams, which makes pipes not wait
  for (const fd of [0, 1, 2, ...plan.keep]) setCloseOnExec(fd, false)
  for (const fd of [0, 1, 2]) setWaiting(fd, true)
  resetSignal(SIGPIPE)
  const environment = { ...(process.env as Record<string, string>), ...plan.variables }
  for (const name of INTERNAL_VARIABLES) delete environment[name]
  execve(plan.program, plan.argv, environment)
}

function step(what: string, action: () => void): void {
  try {
    action()
  } catch (error) {
    report('alert', `cannot ${what}: ${(error as Error).message}`)
    process.exit(LAUNCH_FAILED_STATUS)
  }
}

function optionalStep(what: string, action: () => void): boolean {
  try {
    action()
    return true
  } catch (error) {
    report('warn', `cannot ${what}: ${(error as Error).message}`)
    return false
  }
}

/** In the words of the control connection, as Python would: the supervisor logs it. */
function report(level: 'warn' | 'alert', text: string): void {
  try {
    writeSync(
      plan.control,
      `${JSON.stringify({ type: 'log', level, text: `Process group '${plan.group}': ${text}` })}
`,
    )
  } catch {
    writeSync(
      2,
      `Process group '${plan.group}': ${text}
`,
    )
  }
}
