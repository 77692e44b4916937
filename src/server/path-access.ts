/**
 * Says which part of a path stands in the way, and what is missing: `EACCES` alone sends people searching.
 */
import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'

export const WORDS = { read: constants.R_OK, execute: constants.X_OK, search: constants.X_OK } as const
export type Access = keyof typeof WORDS

/**
 * Checks with the rights of this process that `path` can be reached and used. Returns undefined if so, else a sentence that names the first
 * component that fails, what is missing there, and its owner and mode as far as they can be seen.
 */
export function explainPath(path: string, access: Access, who: string): string | undefined {
  for (const part of components(path)) {
    const last = part === path
    const wanted = last ? access : 'search'
    try {
      accessSync(part, WORDS[wanted])
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return `${part} does not exist`
      if (code === 'ENOTDIR') return `${dirname(part)} is not a directory`
      return `${who} has no permission to ${wanted} ${part}${ownership(part)}`
    }
  }
  return undefined
}

/** `/a/b` → `/`, `/a`, `/a/b`. */
export function components(path: string): string[] {
  const parts: string[] = []
  for (let part = path; ; part = dirname(part)) {
    parts.unshift(part)
    if (part === dirname(part)) return parts
  }
}

export function ownership(path: string): string {
  try {
    const { mode, uid, gid } = statSync(path)
    return ` (mode ${(mode & 0o7777).toString(8).padStart(4, '0')}, owner ${uid}:${gid})`
  } catch {
    return ''
  }
}
