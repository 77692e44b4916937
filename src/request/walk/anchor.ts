/**
 * Symbolic-link rules that hold when a file is opened, not only when its path was looked at: a link that is put in a component's place in
 * between would lead elsewhere. Where directories on the way restrict links, the walk notes where the file has to lie in truth (its anchor), and
 * who opens it compares that with what the kernel says about the descriptor. Where all links may be followed there is no anchor and no cost.
 * Needs Linux's /proc; without it the walk's look is all there is, as in httpd.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { pathBytes } from '../../config/files.js'

const DESCRIPTORS = '/proc/self/fd'
const CAN_TELL = process.platform === 'linux' && existsSync(DESCRIPTORS)
/** Linux's O_PATH, which Node has no name for: a descriptor of a place, without the right to read it. */
const O_PATH = 0o10000000

/** Where a file has to lie. */
export interface Anchor {
  /** Path without any link of the last component whose links are restricted. Without a final `/`; `''` is the root. */
  readonly real: string
  /** What follows it in the request's file name, below which links may be followed: `''`, or with a `/` in front. */
  readonly rest: string
  /** User id that the file must belong to: its link was allowed since their owners match. */
  readonly owner: number | undefined
}

const ROOT: Anchor = { real: '', rest: '', owner: undefined }

/**
 * The anchor of a directory's entry.
 * @param parent the directory's; undefined: nothing above it restricts links
 * @param directory its path, without a final `/`
 * @param restricted the directory restricts links
 * @param isLink the entry is a link that may be followed
 * @returns undefined where none is needed; `'moved'` where the directory is not what it was a moment ago
 */
export function anchorOf(
  parent: Anchor | undefined,
  directory: string,
  name: string,
  restricted: boolean,
  isLink: boolean,
): Anchor | undefined | 'moved' {
  if (!CAN_TELL) return undefined
  if (!restricted) return parent && { real: parent.real, rest: `${parent.rest}/${name}`, owner: parent.owner }
  try {
    const real = parent === undefined ? freePath(directory) : settled(parent)
    if (real === undefined) return 'moved'
    if (!isLink) return { ...ROOT, real: `${real}/${name}` }
    return within(real, (place) => followed(`${place}/${name}`)) ?? 'moved'
  } catch {
    return 'moved'
  }
}

/** A directory that any links may lead to. */
function freePath(directory: string): string {
  const real = realpath(directory || '/')
  return real === '/' ? '' : real
}

/** An anchor's place as a path without links. */
function settled({ real, rest }: Anchor): string | undefined {
  return rest === '' ? real : within(real, (place) => realpath(place + rest))
}

/** Where a link leads, if it and its target have one owner. */
function followed(path: string): Anchor | undefined {
  const link = lstatSync(pathBytes(path))
  const real = realpath(path)
  return statSync(pathBytes(real)).uid === link.uid ? { real, rest: '', owner: link.uid } : undefined
}

/** Uses a directory by descriptor, so that nothing above it can be exchanged meanwhile; undefined where it lies elsewhere by now. */
function within<T>(real: string, use: (place: string) => T): T | undefined {
  const fd = openSync(pathBytes(real || '/'), O_PATH)
  try {
    return placeOf(fd) === (real || '/') ? use(`${DESCRIPTORS}/${fd}`) : undefined
  } finally {
    closeSync(fd)
  }
}

/**
 * Opens a file that lies where the anchor says.
 * @returns a descriptor; `'moved'` where the name leads elsewhere by now. @throws as `openSync`
 */
export function openAnchored(filename: string, flags: number, anchor: Anchor | undefined): number | 'moved' {
  const fd = openSync(pathBytes(filename), flags)
  if (anchor === undefined || isThere(fd, anchor)) return fd
  closeSync(fd)
  if (anchor.rest === '') return 'moved'
  // links below the anchor are free, those above it are not
  return within(anchor.real, (place) => openSync(pathBytes(place + anchor.rest), flags)) ?? 'moved'
}

function isThere(fd: number, { real, rest, owner }: Anchor): boolean {
  try {
    return placeOf(fd) === real + rest && (owner === undefined || rest !== '' || fstatSync(fd).uid === owner)
  } catch {
    return false
  }
}

const placeOf = (fd: number): string => readlinkSync(`${DESCRIPTORS}/${fd}`, 'latin1')

const realpath = (path: string): string => realpathSync.native(pathBytes(path), 'latin1')
