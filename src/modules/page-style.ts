/**
 * How the pages look that this server writes itself: error pages, listings, the status page. One small style for all of them, in the page, since
 * there is no URL that would be the server's own; readable on phones, and dark where the reader likes that. A site whose
 * `Content-Security-Policy` forbids styles in pages gets the browser's own look.
 */

const COMMON = `:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;line-height:1.25;overflow-wrap:anywhere}
h2{font-size:1.2rem}
hr{border:0;border-top:1px solid #8886}
address{font-size:.85rem;opacity:.7}
`

const TABLES = `table{border-collapse:collapse;border:0}
th,td{text-align:left;vertical-align:top;padding:.2rem 1.25rem .2rem 0;border:0;border-bottom:1px solid #8884;font-variant-numeric:tabular-nums}
th{white-space:nowrap}
pre{white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.2}
`

/** On a narrow screen a listing drops its last column, the description, and the others stay on one line. */
const NARROW_LISTING = `td:nth-child(2){white-space:nowrap}
@media(max-width:40rem){th:nth-child(4),td:nth-child(4){display:none}th,td{padding-right:.75rem}td:first-child{overflow-wrap:anywhere}}
`

/** On a narrow screen wide tables are scrolled by themselves. */
const NARROW_STATUS = `td{white-space:nowrap}
@media(max-width:64rem){table{display:block;overflow-x:auto}}
`

const head = (...rules: string[]) =>
  `<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>\n${rules.join('')}</style>\n`

/** For the head of an error page. */
export const ERROR_STYLE = head(COMMON)
export const LISTING_STYLE = head(COMMON, TABLES, NARROW_LISTING)
export const STATUS_STYLE = head(COMMON, TABLES, NARROW_STATUS)
