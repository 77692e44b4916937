/**
 * Expressions and string-valued expressions as directives take them: compiled while the configuration is read, faults told in httpd's words.
 *
 * @see https://httpd.apache.org/docs/2.4/expr.html
 */
import type { Command } from '../config/directive.js'
import {
  type Condition,
  compileCondition,
  compileTemplate,
  type ExpressionOptions,
  fill,
  type Template,
} from '../expr/expression.js'
import { ExpressionSyntaxError } from '../expr/syntax.js'
import type { Request } from '../request/request.js'

export type StringTemplate = (request: Request) => string

/**
 * Compiles the value of the directive at hand: plain text with `%{…}` for what is only known when a request is there.
 * @param failure what a message about a fault begins with
 * @throws ConfigError through `cmd.fail` where the text is no such expression
 */
export function stringTemplate(cmd: Command, text: string, failure?: string): StringTemplate {
  const template = templateOf(cmd, text, failure)
  if (typeof template === 'string') return () => template
  return (request) => fill(template, request)
}

/** The same, with the text itself where it is the same for all requests. */
export function templateOf(
  cmd: Command,
  text: string,
  failure = `${cmd.name}: cannot parse '${text}' as an expression: `,
): string | Template {
  return parsed(cmd, failure, () => compileTemplate(text, options(cmd)))
}

/**
 * Compiles a condition of the directive at hand.
 * @param failure what a message about a fault begins with
 */
export function conditionOf(
  cmd: Command,
  text: string,
  failure: string,
  more: Partial<ExpressionOptions> = {},
): Condition {
  return parsed(cmd, failure, () => compileCondition(text, { ...options(cmd), ...more }))
}

/** Who writes a `.htaccess` file may not read every file that the server can. */
function options(cmd: Command): ExpressionOptions {
  return { at: cmd.at, restricted: cmd.context === 'htaccess' }
}

function parsed<T>(cmd: Command, failure: string, compile: () => T): T {
  try {
    return compile()
  } catch (error) {
    if (!(error instanceof ExpressionSyntaxError)) throw error
    return cmd.fail(failure + error.message)
  }
}
