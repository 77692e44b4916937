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

/** Something could not be started. The message says why, with Python's traceback or the server's own words. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly code = 'ERR_WSGI_HTTPD_START'
}
