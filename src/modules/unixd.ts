/**
 * mod_unixd: the user and group that server workers run as when started as root.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_unixd.html
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type Command, directive, take1 } from '../config/directive.js'
import { settingsKey } from '../config/settings.js'
import type { HttpdModule } from './module.js'

/** A user or group as written and as the system knows it. */
export interface Account {
  /** The name; for `#id` the name of that id where there is one, else `#id`. */
  readonly name: string
  readonly id: number
}

/** Main server only. */
export interface UnixdSettings {
  readonly user: Account | undefined
  readonly group: Account | undefined
}

export const unixdSettings = settingsKey<UnixdSettings>('unixd', {
  user: undefined,
  group: undefined,
})

/** Looks a user up by name or `#id`. undefined: there is none of that name. */
export function findUser(word: string): Account | undefined {
  return find('passwd', word)
}

/** Looks a group up by name or `#id`. undefined: there is none of that name. */
export function findGroup(word: string): Account | undefined {
  return find('group', word)
}

function find(database: 'passwd' | 'group', word: string): Account | undefined {
  const wanted = /^#(\d+)$/.exec(word)?.[1]
  const line =
    entry(readFileOrNothing(`/etc/${database}`), word, wanted) ??
    entry(ask(database, wanted ?? word), word, wanted)
  if (line !== undefined) return { name: line[0] as string, id: Number(line[2]) }
  return wanted === undefined ? undefined : { name: word, id: Number(wanted) }
}

/** The fields of the line for that name or id. */
function entry(text: string, name: string, id: string | undefined): string[] | undefined {
  for (const line of text.split('\n')) {
    const fields = line.split(':')
    if (fields.length > 2 && (id === undefined ? fields[0] === name : fields[2] === id)) return fields
  }
  return undefined
}

function readFileOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Accounts that are not in the file may be in LDAP and the like: the system's name service knows. */
function ask(database: string, key: string): string {
  if (!/^[\w.@$-]+$/.test(key)) return ''
  try {
    return execFileSync('getent', [database, key], { encoding: 'utf8', timeout: 10_000, stdio: 'pipe' })
  } catch {
    return ''
  }
}

function setUser(cmd: Command, word: string): void {
  const user = findUser(word)
  if (user === undefined) cmd.fail(`AH00543: wsgi-httpd: bad user name ${word}`)
  else cmd.main.draft(unixdSettings).user = user
}

function setGroup(cmd: Command, word: string): void {
  const group = findGroup(word)
  if (group === undefined) cmd.fail(`AH00544: wsgi-httpd: bad group name ${word}`)
  else cmd.main.draft(unixdSettings).group = group
}

export const unixd = {
  id: 'unixd_module',
  source: 'mod_unixd.c',
  directives: [
    directive({
      name: 'User',
      syntax: 'unix-userid',
      contexts: ['server'],
      default: '#-1',
      help: 'Effective user id for this server',
      ...take1(setUser),
    }),
    directive({
      name: 'Group',
      syntax: 'unix-group',
      contexts: ['server'],
      default: '#-1',
      help: 'Effective group id for this server',
      ...take1(setGroup),
    }),
    directive({
      name: 'ChrootDir',
      syntax: 'directory',
      contexts: ['server'],
      help: 'No effect: told at the start',
      ...take1((cmd) =>
        cmd.warn(
          'ChrootDir has no effect: the option chroot= of WSGIDaemonProcess changes the root directory of applications',
        ),
      ),
    }),
  ],
} satisfies HttpdModule
