/**
 * Where the Apache httpd of the machine answers a row of the corpus otherwise than this server, what it answers, and why we do not.
 */

type Group = readonly [why: string, statuses: string, ...names: string[]]

const GROUPS: readonly Group[] = [
  [
    'Two lengths at once are how requests are smuggled past a proxy (RFC 9112, 6.1 allows to refuse them); httpd lets the coding win.',
    '200',
    'CL.TE',
    'CL.TE, tab',
    'CL.TE, folded',
    'CL.TE, upper case',
    'TE.CL',
  ],
  [
    'Servers and proxies read such lists of codings in different ways; `chunked` alone is what clients send.',
    '200',
    'TE.TE, the same twice',
    'TE.TE, identity first',
    'TE.TE, a list',
    'TE.TE, gzip',
    'TE, a comma',
  ],
  ['HTTP/1.0 has no codings (RFC 9112, 6.1).', '200', 'TE in HTTP/1.0'],
  [
    'Folded lines have been used to hide fields from proxies (RFC 9112, 5.2).',
    '200',
    'a folded field',
    'a folded field with tab',
  ],
  ['Only one of them is looked at, and nobody knows which.', '200', 'two Authorization fields'],
  ['Only 1.0 and 1.1 have this form; httpd takes any number.', '200', 'HTTP/1.2', 'HTTP/3.0'],
  ['505 says that the version is what is wrong.', '200', 'HTTP/2.0'],
  ['505 says that the version is what is wrong.', '400', 'the preface of HTTP/2'],
  ['505 says that the version is what is wrong.', '200 400', 'Upgrade to HTTP/2, taken for granted'],
  ['Such a name has an empty label.', '200', 'Host ".a"'],
  [
    'An authority is held to the rules for Host.',
    '200',
    'an absolute target without host',
    'an absolute target with a bad port',
  ],
  ['A request target is ASCII (RFC 3986).', '404', 'a high byte'],
  ['A target begins with a slash (RFC 9112, 3.2).', '403', 'a query alone'],
  ['HTTP/1.0 knows no expectations (RFC 9110, 10.1.1).', '417', 'an expectation of HTTP/1.0'],
  [
    '431 says what is too large (RFC 6585).',
    '400',
    'a long field',
    'many fields',
    'a bomb of fields',
    'a bomb of long fields',
  ],
  [
    'What is no request is answered as such at once, not waited for.',
    '',
    'TLS',
    'carriage returns alone',
    'no version',
  ],
  ['What is no request is answered as such at once, not waited for.', '200', 'a request, then noise'],
  [
    'A file does not wait for a body that nobody reads: it is answered, and the connection closed. Where an application reads the body, it is 400.',
    '400',
    'a chunk of 0x',
    'a negative chunk',
    'a chunk with a blank before',
    'a chunk with line feed alone',
    'a chunk shorter than said',
    'an extension with a line feed',
    'an extension with a carriage return',
    'endless trailers',
    'a broken body does not hide a request',
  ],
  [
    'A file does not wait for a body that nobody reads: it is answered, and the connection closed. Where an application reads the body, it is 400.',
    '413',
    'a giant chunk',
    'a chunk of seventeen digits',
    'a giant extension',
  ],
]

/** Apache's statuses by the name of the row. */
export const APART: Readonly<Record<string, readonly [statuses: string, why: string]>> = Object.fromEntries(
  GROUPS.flatMap(([why, statuses, ...names]) => names.map((name) => [name, [statuses, why] as const])),
)
