/**
 * One paragraph per status for the built-in pages. The values put in are HTML already.
 */

export interface ErrorFacts {
  readonly path: string
  readonly method: string
  readonly location: string
  readonly admin: string
}

type Text = string | ((facts: ErrorFacts) => string)

const moved: Text = ({ location }) => `What you asked for is at <a href="${location}">${location}</a>.`

const TEXTS: Readonly<Record<number, Text>> = {
  300: 'What you asked for is there in several forms.',
  301: moved,
  302: moved,
  303: moved,
  307: moved,
  308: moved,
  400: 'The server could not make sense of the request.',
  401: 'You have to say who you are to see this, and the server could not confirm it: a name or password was missing or wrong.',
  403: 'The server may not give you what is at this address.',
  404: 'There is nothing at this address on this server.',
  405: ({ method }) => `The method ${method} cannot be used at this address.`,
  406: 'Nothing here is in a form that your request accepts.',
  408: 'The request took too long to arrive.',
  410: 'What was at this address has been removed for good.',
  411: 'A request with this method has to state the length of its body.',
  412: 'A condition that the request made does not hold.',
  413: 'The body of the request is larger than the server takes.',
  414: 'The address is longer than the server takes.',
  415: 'The body of the request is of a kind that cannot be used here.',
  416: 'None of the ranges that were asked for lies within the document.',
  417: 'The server cannot do what the request expects of it.',
  421: 'This connection is not for the host that the request names.',
  429: 'There were too many requests. Try again later.',
  431: 'The header of the request is larger than the server takes.',
  500: ({ admin }) =>
    `Something went wrong on the server, and the request could not be finished. Please tell ${admin} when it happened and what you did; the server's error log says more.`,
  501: ({ method }) => `The server does not know how to do ${method}.`,
  502: 'The program behind this server did not give a usable answer.',
  503: 'The server cannot do this at the moment. Try again later.',
  504: 'The program behind this server did not answer in time.',
  505: 'The server does not speak this version of HTTP.',
  506: 'The form of this document that was chosen would have to be chosen again.',
}

/** The paragraph for a status. */
export function explanationOf(status: number, facts: ErrorFacts): string {
  const text =
    TEXTS[status] ??
    (status < 400 ? 'See the header of this response.' : 'The request could not be answered.')
  return typeof text === 'string' ? text : text(facts)
}
