/**
 * What the functions of the API throw.
 */

/** An option that is wrong. The message says which, what it is, and what it has to be. */
export class OptionError extends TypeError {
  override readonly name = 'OptionError'
  readonly code = 'ERR_WSGI_HTTPD_OPTION'

  constructor(
    /** The function that was called. */
    call: string,
    /** Name of the option. */
    readonly option: string,
    problem: string,
  ) {
    super(`${call}: the option ${option} ${problem}`)
  }
}

/** A request that the application could not answer. What happened is in the log. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code = 'ERR_WSGI_HTTPD_REQUEST'
  /** The same; frameworks ask for the one or the other. */
  readonly statusCode: number

  constructor(
    /** What the client would get: 400 to 599. */
    readonly status: number,
    /** Such as `Bad Gateway`. */
    reason: string,
    /** As in `request.id` of log records, where the request came so far. */
    readonly requestId?: string,
  ) {
    super(`${status} ${reason}`)
    this.statusCode = status
  }
}

/** Something could not be started. The message says why, with Python's traceback or the server's own words. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly code = 'ERR_WSGI_HTTPD_START'
}
