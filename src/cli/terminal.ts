/** Where a command writes and what it knows of its caller: handed in, so that tests can look at it. */
export interface Terminal {
  /** Text for stdout, with its line ends. */
  out(text: string): void
  /** Text for stderr. */
  err(text: string): void
  readonly cwd: string
  readonly environment: NodeJS.ProcessEnv
}

export function processTerminal(): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    cwd: process.cwd(),
    environment: process.env,
  }
}
