/** Why a walk ended early: a status, and what the log should say. */
export interface Refusal {
  readonly status: number
  readonly level: 'error' | 'info' | 'alert' | 'crit'
  readonly code: string
  readonly message: string
  /** The message says all; otherwise the URL path is put in front of it. */
  readonly verbatim?: boolean
}
