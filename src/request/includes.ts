/**
 * Files with server-side includes (`<!--#include …-->`), which are not run here: where httpd would run them, their text is not sent either. It may
 * name programs, files and passwords that no client should see.
 */
import { readSync } from 'node:fs'
import { wantsIncludes } from '../modules/filter.js'
import type { Request } from './request.js'

const MARK = Buffer.from('<!--#')
/** Larger files are taken to have some, in bytes. */
const LOOK_MAX_BYTES = 4 * 1024 * 1024

/** Whether a file is to be held back; the log says so then. @param size of the file in bytes */
export function hidesIncludes(request: Request, fd: number, size: number): boolean {
  if (!wantsIncludes(request) || !hasIncludes(fd, size)) return false
  request.report(
    'core',
    'error',
    `${request.filename} has server-side includes, which are not run here; its text is not sent. Write it without them, or let a WSGI application make the page.`,
    'WSGH0015',
  )
  return true
}

function hasIncludes(fd: number, size: number): boolean {
  if (size > LOOK_MAX_BYTES) return true
  const text = Buffer.allocUnsafe(size)
  return text.subarray(0, readSync(fd, text, 0, size, 0)).includes(MARK)
}
