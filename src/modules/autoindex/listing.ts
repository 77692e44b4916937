/**
 * A directory listing as HTML, and the order of its rows. Pure. Names are one character per byte, as the file system has them.
 */
import { escapeHtml } from '../html-text.js'
import { LISTING_STYLE } from '../page-style.js'
import { escapePath } from '../url-text.js'

export interface Entry {
  readonly name: string
  readonly isDirectory: boolean
  /** Bytes. */
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly modified: number
  readonly description: string
  /** An image as HTML, to stand before the name. */
  readonly icon?: string
}

/** What rows are sorted by: name, last modification, size, description; as in the query `C=…`. */
export type Column = 'N' | 'M' | 'S' | 'D'

export interface Order {
  readonly column: Column
  readonly descending: boolean
}

export interface Look {
  /** A table with columns; otherwise a list of names. */
  readonly fancy: boolean
  /** Column heads are links that sort. */
  readonly sortable: boolean
  readonly columns: readonly Column[]
  readonly foldersFirst: boolean
  /** Icons lead where the names beside them do. */
  readonly iconsAreLinks?: boolean
  readonly ignoreCase: boolean
  readonly versionSort: boolean
  /** Characters. */
  readonly nameWidth: number
  readonly descriptionWidth: number
  readonly preamble: boolean
  readonly headInsert: string
  readonly styleSheet: string | undefined
}

/** The order that a query asks for: `C=N;O=D`; anything else is passed over. */
export function orderOf(query: string | undefined, preset: Order): Order {
  let { column, descending } = preset
  for (const part of query?.split(/[;&]/) ?? []) {
    if (/^C=[NMSD]$/.test(part)) column = part[2] as Column
    if (/^O=[AD]$/.test(part)) descending = part === 'O=D'
  }
  return { column, descending }
}

/** Sorts by the column and then by name. */
export function sortEntries(entries: readonly Entry[], order: Order, look: Look): Entry[] {
  const key = (text: string): string => (look.ignoreCase ? text.toLowerCase() : text)
  const byName = (a: Entry, b: Entry): number =>
    look.versionSort ? compareVersions(key(a.name), key(b.name)) : compareText(key(a.name), key(b.name))
  const by: Readonly<Record<Column, (a: Entry, b: Entry) => number>> = {
    N: byName,
    M: (a, b) => a.modified - b.modified,
    S: (a, b) => sizeOf(a) - sizeOf(b),
    D: (a, b) => compareText(a.description, b.description),
  }
  const sign = order.descending ? -1 : 1
  return [...entries].sort((a, b) => {
    if (look.foldersFirst && a.isDirectory !== b.isDirectory) return a.isDirectory ? -1 : 1
    return sign * (by[order.column](a, b) || byName(a, b))
  })
}

const sizeOf = (entry: Entry): number => (entry.isDirectory ? -1 : entry.size)
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Runs of digits compare as numbers: `a2` before `a10`. */
function compareVersions(a: string, b: string): number {
  const parts = (text: string): string[] => text.match(/\d+|\D+/g) ?? []
  const [left, right] = [parts(a), parts(b)]
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const [one = '', other = ''] = [left[at], right[at]]
    const numbers = /^\d/.test(one) && /^\d/.test(other)
    const order = numbers ? Number(one) - Number(other) : compareText(one, other)
    if (order !== 0) return order
  }
  return left.length - right.length || compareText(a, b)
}

const TITLES: Readonly<Record<Column, string>> = {
  N: 'Name',
  M: 'Last modified',
  S: 'Size',
  D: 'Description',
}

export interface Page {
  /** The URL path of the directory, decoded. */
  readonly path: string
  /** In the order in which they are shown. */
  readonly entries: readonly Entry[]
  readonly order: Order
  readonly look: Look
  /** HTML that stands above and below. */
  readonly header: string
  readonly footer: string
  /** Image of the parent directory, as HTML. */
  readonly parentIcon?: string
}

export function renderListing({ path, entries, order, look, header, footer, parentIcon = '' }: Page): string {
  const title = `Index of ${escapeHtml(path)}`
  const style = look.styleSheet
    ? `<link rel="stylesheet" href="${escapeHtml(look.styleSheet)}">\n`
    : LISTING_STYLE
  const head = `<!DOCTYPE html>\n<html>\n<head>\n<title>${title}</title>\n${style}${look.headInsert}</head>\n<body>\n`
  const heading = header === '' ? `<h1>${title}</h1>\n` : header
  const body = look.fancy ? table(path, entries, order, look, parentIcon) : list(path, entries)
  return `${look.preamble ? head : ''}${heading}${body}${footer}</body>\n</html>\n`
}

const isRoot = (path: string): boolean => path === '/'

function list(path: string, entries: readonly Entry[]): string {
  const parent = isRoot(path) ? '' : `<li><a href="../">Parent Directory</a></li>\n`
  const rows = entries.map((entry) => `<li>${link(entry, Number.POSITIVE_INFINITY)}</li>\n`)
  return `<ul>\n${parent}${rows.join('')}</ul>\n`
}

function table(
  path: string,
  entries: readonly Entry[],
  order: Order,
  look: Look,
  parentIcon: string,
): string {
  const heads = look.columns.map((column) => `<th>${columnHead(column, order, look)}</th>`).join('')
  const empty = '<td></td>'.repeat(look.columns.length - 1)
  const parent = isRoot(path)
    ? ''
    : `<tr><td>${image(parentIcon, '../', look)}<a href="../">Parent Directory</a></td>${empty}</tr>\n`
  const rows = entries.map(
    (entry) => `<tr>${look.columns.map((column) => `<td>${cell(column, entry, look)}</td>`).join('')}</tr>\n`,
  )
  return `<table>\n<tr>${heads}</tr>\n${parent}${rows.join('')}</table>\n`
}

/** Asking again for the column that is sorted by turns the order around. */
function columnHead(column: Column, order: Order, look: Look): string {
  if (!look.sortable) return TITLES[column]
  const turned = column === order.column && !order.descending ? 'D' : 'A'
  return `<a href="?C=${column};O=${turned}">${TITLES[column]}</a>`
}

function cell(column: Column, entry: Entry, look: Look): string {
  switch (column) {
    case 'N':
      return image(entry.icon ?? '', hrefOf(entry), look) + link(entry, look.nameWidth)
    case 'M':
      return formatTime(entry.modified)
    case 'S':
      return entry.isDirectory ? '-' : formatSize(entry.size)
    case 'D':
      return shorten(entry.description, look.descriptionWidth)
    default:
      return column satisfies never
  }
}

function link(entry: Entry, width: number): string {
  const name = entry.isDirectory ? `${entry.name}/` : entry.name
  return `<a href="${hrefOf(entry)}">${escapeHtml(shorten(name, width))}</a>`
}

function hrefOf(entry: Entry): string {
  const escaped = escapePath(entry.isDirectory ? `${entry.name}/` : entry.name)
  // `a:b` would be read as a URL with the scheme `a`
  return escapeHtml(escaped.includes(':') ? `./${escaped}` : escaped)
}

function image(icon: string, href: string, look: Look): string {
  if (icon === '') return ''
  return look.iconsAreLinks === true ? `<a href="${href}">${icon}</a> ` : `${icon} `
}

function shorten(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 3)}..>` : text
}

/** Local time to the minute. */
export function formatTime(milliseconds: number): string {
  const time = new Date(milliseconds)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`
}

/** `973`, `1.2K`, `34K`, `5.6M`. */
export function formatSize(bytes: number): string {
  if (bytes < 973) return String(bytes)
  let value = bytes
  let unit = -1
  do {
    value /= 1024
    unit++
  } while (value >= 973)
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)}${'KMGTPE'[unit]}`
}
