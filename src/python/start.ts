/**
 * How a Python is started: the words of its command line and the variables of its environment, for daemon processes and embedded ones alike. Pure.
 */
import { SERVICE_VARIABLES } from '../system/service-variables.js'

/** What can be told of a Python without running it. Undefined where nothing tells. */
export interface PythonKind {
  readonly major: 2 | 3 | undefined
  /** A build that can run without GIL (`python3.13t`). */
  readonly isFreeThreaded: boolean
}

export interface StartOptions {
  /** 0, 1 (`-O`) or 2 (`-OO`). */
  readonly optimize?: number
  readonly dontWriteBytecode?: boolean
  /** Specifications of the `-W` option. */
  readonly warnings?: readonly string[]
  /** `PYTHONHASHSEED`: a number as text, or `random`. */
  readonly hashSeed?: string | undefined
  /** Python 2: warn of what Python 3 will not have (`-3`). */
  readonly py3kWarning?: boolean
  /** Where the build can: without GIL. */
  readonly freeThreading?: boolean
}

export interface PythonStart {
  readonly flags: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

export function startFor(options: StartOptions, kind: PythonKind): PythonStart {
  const { optimize = 0, hashSeed } = options
  return {
    flags: [
      ...(optimize > 0 ? [`-${'O'.repeat(Math.min(2, optimize))}`] : []),
      ...(options.dontWriteBytecode ? ['-B'] : []),
      ...(options.py3kWarning && kind.major === 2 ? ['-3'] : []),
      // Any other build would refuse to start. No variable: it would hold for every Python that the application starts.
      ...(kind.isFreeThreaded ? ['-X', `gil=${options.freeThreading ? '0' : '1'}`] : []),
      ...(options.warnings ?? []).map((specification) => `-W${specification}`),
    ],
    environment: hashSeed === undefined ? {} : { PYTHONHASHSEED: hashSeed },
  }
}

/** Variables of the server's own start that are none of an application's business. */
export const INTERNAL_VARIABLES: readonly string[] = [
  'NODE_OPTIONS',
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'UV_THREADPOOL_SIZE',
  ...SERVICE_VARIABLES,
]
