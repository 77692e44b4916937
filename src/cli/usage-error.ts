/** What a person typed wrong. The message is shown without a stack, with a hint at the help; the exit status is 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  constructor(
    message: string,
    /** Which help to point at: the whole program's, or that of a command such as `start-server`. */
    readonly command?: string,
  ) {
    super(message)
  }
}
