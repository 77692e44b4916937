/**
 * Text with `$0`…`$9` for what a regular expression found (httpd's ap_pregsub): the targets of `AliasMatch`, `RedirectMatch` and `SetEnvIf`.
 * A backslash makes the next character an ordinary one. Compiled when the configuration is read.
 */

/** Fills a compiled text in from the groups of a match; a group that found nothing is empty. */
export type Substitution = (found: readonly (string | undefined)[]) => string

/** @param text as written in the configuration, after its words were split. */
export function compileSubstitution(text: string): Substitution {
  const parts: (string | number)[] = []
  let literal = ''
  for (let at = 0; at < text.length; at++) {
    const next = text[at + 1]
    if (text[at] === '$' && next !== undefined && next >= '0' && next <= '9') {
      if (literal !== '') parts.push(literal)
      literal = ''
      parts.push(Number(next))
      at++
    } else if (text[at] === '\\' && next !== undefined) {
      literal += next
      at++
    } else {
      literal += text[at]
    }
  }
  if (parts.length === 0) return () => literal
  if (literal !== '') parts.push(literal)
  return (found) => {
    let filled = ''
    for (const part of parts) filled += typeof part === 'string' ? part : (found[part] ?? '')
    return filled
  }
}
