/**
 * `strftime` for log formats, in local time and the C locale. A pattern is compiled once into a function.
 * The conversions are those of C99 and of glibc; an unknown one is printed as it is written.
 * https://www.gnu.org/software/libc/manual/html_node/Formatting-Calendar-Time.html
 */
import { MONTHS, two, zoneOffset } from './clock.js'

const LONG_DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const LONG_MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]

type Conversion = (date: Date) => string

const hour12 = (date: Date) => date.getHours() % 12 || 12
const half = (date: Date) => (date.getHours() < 12 ? 'AM' : 'PM')
const yearDay = (date: Date) =>
  Math.round(
    (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 1)) /
      864e5,
  )
const blank = (number: number) => String(number).padStart(2, ' ')
const monthOf = (date: Date) => MONTHS[date.getMonth()] as string
const dayOf = (date: Date) => LONG_DAYS[date.getDay()] as string
const clockOf = (date: Date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`

/** Week of the ISO 8601 year, and that year. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()))
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7))
  const year = thursday.getUTCFullYear()
  return { year, week: Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / 6048e5) + 1 }
}

/** The time zone's abbreviation, `CET`; an offset where it has none. */
function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(date)
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? zoneOffset(date)
}

const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  a: (date) => dayOf(date).slice(0, 3),
  A: dayOf,
  b: monthOf,
  B: (date) => LONG_MONTHS[date.getMonth()] as string,
  c: (date) =>
    `${dayOf(date).slice(0, 3)} ${monthOf(date)} ${blank(date.getDate())} ${clockOf(date)} ${date.getFullYear()}`,
  C: (date) => two(Math.floor(date.getFullYear() / 100)),
  d: (date) => two(date.getDate()),
  D: (date) => `${two(date.getMonth() + 1)}/${two(date.getDate())}/${two(date.getFullYear() % 100)}`,
  e: (date) => blank(date.getDate()),
  F: (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
  g: (date) => two(isoWeek(date).year % 100),
  G: (date) => String(isoWeek(date).year),
  h: monthOf,
  H: (date) => two(date.getHours()),
  I: (date) => two(hour12(date)),
  j: (date) => String(yearDay(date) + 1).padStart(3, '0'),
  k: (date) => blank(date.getHours()),
  l: (date) => blank(hour12(date)),
  m: (date) => two(date.getMonth() + 1),
  M: (date) => two(date.getMinutes()),
  n: () => '\n',
  p: half,
  P: (date) => half(date).toLowerCase(),
  r: (date) => `${two(hour12(date))}:${two(date.getMinutes())}:${two(date.getSeconds())} ${half(date)}`,
  R: (date) => `${two(date.getHours())}:${two(date.getMinutes())}`,
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  S: (date) => two(date.getSeconds()),
  t: () => '\t',
  T: clockOf,
  u: (date) => String(date.getDay() || 7),
  U: (date) => two(Math.floor((yearDay(date) + 7 - date.getDay()) / 7)),
  V: (date) => two(isoWeek(date).week),
  w: (date) => String(date.getDay()),
  W: (date) => two(Math.floor((yearDay(date) + 7 - ((date.getDay() + 6) % 7)) / 7)),
  x: (date) => CONVERSIONS.D?.(date) ?? '',
  X: clockOf,
  y: (date) => two(date.getFullYear() % 100),
  Y: (date) => String(date.getFullYear()),
  z: zoneOffset,
  Z: zoneName,
  '%': () => '%',
}

/**
 * @param pattern such as `%Y-%m-%d %H:%M:%S`
 * @returns a function of milliseconds since the epoch; it remembers the text of the second it was last asked for
 */
export function compileStrftime(pattern: string): (millis: number) => string {
  const parts: (string | Conversion)[] = []
  for (const [whole, letter] of pattern.matchAll(/%[EO]?([A-Za-z%])|[^%]+|%/g))
    parts.push((letter !== undefined && CONVERSIONS[letter]) || whole)
  let second = Number.NaN
  let text = ''
  return (millis) => {
    const wanted = Math.floor(millis / 1000)
    if (wanted !== second) {
      second = wanted
      const date = new Date(wanted * 1000)
      text = ''
      for (const part of parts) text += typeof part === 'string' ? part : part(date)
    }
    return text
  }
}
