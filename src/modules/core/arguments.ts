/**
 * Readers for the words that core directives take. Each ends the directive with a message that says what was expected.
 */
import type { Command } from '../../config/directive.js'

/** A decimal number of 0 or more. */
export function wholeNumber(cmd: Command, word: string): number {
  const value = /^\d+$/.test(word) ? Number(word) : Number.NaN
  if (!Number.isSafeInteger(value)) cmd.fail(`${cmd.name} "${word}" must be a non-negative integer`)
  return value
}

/** A decimal number of 1 or more. */
export function positiveInteger(cmd: Command, word: string): number {
  const value = /^\d+$/.test(word) ? Number(word) : Number.NaN
  if (!Number.isSafeInteger(value) || value === 0)
    cmd.fail(`${cmd.name} "${word}" must be a positive integer`)
  return value
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  '': 1000,
  mi: 60_000,
  min: 60_000,
  h: 3_600_000,
}

/** A time such as `5`, `400ms`, `2min`; seconds where no unit is written. Returns milliseconds. */
export function duration(cmd: Command, word: string): number {
  const match = /^(\d+)(ms|s|mi|min|h|)$/i.exec(word)
  const unit = match ? MILLISECONDS[(match[2] as string).toLowerCase()] : undefined
  if (!match || unit === undefined)
    return cmd.fail(`${cmd.name} has wrong format: "${word}" is no time, such as 5 or 400ms`)
  return Number(match[1]) * unit
}

/** One of some words, without case. Returns it as listed. */
export function oneOf<const T extends string>(cmd: Command, word: string, allowed: readonly T[]): T {
  const wanted = word.toLowerCase()
  const found = allowed.find((one) => one.toLowerCase() === wanted)
  return found ?? cmd.fail(`${cmd.name} must be one of: ${allowed.join(' | ')}`)
}
