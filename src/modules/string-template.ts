/**
 * Values that httpd reads as a string-valued expression (`AuthName`, `Redirect` inside `<Location>`, `Require host` …): plain text with
 * `%{…}` for what is only known when a request is there. Plain text works; a text that needs the expression language is refused when the
 * configuration is read, because a value of the wrong meaning could open a protected place.
 *
 * @see https://httpd.apache.org/docs/2.4/expr.html
 */
import type { Command } from '../config/directive.js'
import type { Request } from '../request/request.js'

export type StringTemplate = (request: Request) => string

/**
 * Compiles the value of the directive at hand.
 * @throws ConfigError through `cmd.fail` where the text has `%{…}` or a back-reference.
 */
export function stringTemplate(cmd: Command, text: string): StringTemplate {
  if (/%\{|\$\d/.test(text)) {
    cmd.fail(
      `${cmd.name}: '${text}' is an expression, and expressions are not supported yet. Write the value without %{...} and $1.`,
    )
  }
  return () => text
}

/** Ends a directive that can do nothing without the expression language. */
export function refuseExpression(cmd: Command, what: string): never {
  return cmd.fail(
    `${what} needs the expression language, which is not supported yet. Use another condition, such as env=VARIABLE with SetEnvIf.`,
  )
}
