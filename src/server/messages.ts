/**
 * What the supervisor and its server workers say to each other, over a socket pair (message-stream.ts).
 * A daemon process has no part in it; but a worker may have applications embedded, so the supervisor checks what it hears (from-worker.ts).
 */
import type { ConfigTree } from '../config/tree.js'
import type { Board, WorkerReport } from '../status/board.js'
import type { TlsMaterial } from '../tls/material.js'
import type { Lending } from '../wsgi/channel/types.js'

/** A listening socket that a server worker inherits: bound and listening already. */
export interface InheritedListener {
  /**
   * Descriptor numbers in the worker, all of the same socket: see {@link import('../request/http-server.js').acceptAlongside}. Where descriptors
   * are {@link SentDescriptors sent}, the places among them.
   */
  readonly fds: readonly number[]
  /** As `Listen` has it: an address, or empty for all addresses. */
  readonly host: string
  readonly port: number
  /** The protocol word of `Listen`, lower case; undefined where none is written. */
  readonly protocol: string | undefined
}

/** The writing end of a program that the supervisor runs for a piped log. */
export interface InheritedPipe {
  /** The log's words as configured, without the leading `|`; equal words share one program. */
  readonly command: string
  readonly fd: number
}

/** For a worker that was started before its descriptors were there (hand-over.ts): what it lacks. */
export interface SentDescriptors {
  /** How many come over the socket; the first is for standard error. */
  readonly descriptors: number
  /** Variables to be set; null: to be removed. */
  readonly environment: Readonly<Record<string, string | null>>
}

/** Whom a process becomes after its privileged work is done. */
export interface Identity {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups come from this account; undefined: an id without an account, which has none. */
  readonly userName?: string
  /** Supplementary groups instead of the account's. */
  readonly groups?: readonly number[]
}

/** A daemon process as the server workers need to know it. */
export interface DaemonInfo {
  /** Unique in the supervisor's life. */
  readonly id: number
  /** Name of the daemon process group, as `WSGIDaemonProcess` has it; unique in the whole server. */
  readonly group: string
  /** The only application group this process may run (a Python without sub-interpreters); null: any. */
  readonly applicationGroup: string | null
  /** `draining`: finishes what it has; give it nothing new unless no other process is there. */
  readonly state: 'ready' | 'draining'
  /** The UNIX socket on which the runtime accepts server workers. */
  readonly socketPath: string
  /** What lanes to it begin with: for server workers alone. */
  readonly secret: string
  /** File in which the runtime marks its progress, 1 MiB. */
  readonly progressPath: string
  readonly pid: number
  /** As the runtime reports it: `3.11.7`. */
  readonly pythonVersion: string
  readonly subinterpreters: boolean
  readonly lends: Lending
}

/** A group that has no process ready and will not have one at once: its last start failed. */
export interface DaemonFailure {
  readonly group: string
  /** As in {@link DaemonInfo}. */
  readonly applicationGroup: string | null
  /** For the error log and whoever reads it. */
  readonly message: string
  /** The same for strangers: without paths, `exit status 1`. */
  readonly brief: string
}

export type ToWorker =
  | {
      readonly type: 'configure'
      /** What the supervisor read; the worker applies it and reads no configuration file itself. */
      readonly tree: ConfigTree
      /** Contents of the files that TLS needs; null where no server speaks TLS. */
      readonly tls: TlsMaterial | null
      /** 1 at start, one more with each restart. */
      readonly generation: number
      readonly listeners: readonly InheritedListener[]
      readonly pipes: readonly InheritedPipe[]
      /** null: the worker inherited its descriptors. */
      readonly sent: SentDescriptors | null
      /** null: stay who we are (not started as root). */
      readonly dropTo: Identity | null
      /** Private directory for sockets and progress files. */
      readonly runtimeDir: string
      /** Number of server workers that run side by side. */
      readonly workers: number
      /** The worker's column of the table of loads; 0: it has none. */
      readonly column: number
      /** Process id of the supervisor, for messages and checks. */
      readonly supervisorPid: number
      /** `ListenBacklog`, which has to be said again when a worker begins to accept. */
      readonly backlog: number
      readonly daemons: readonly DaemonInfo[]
      readonly failures: readonly DaemonFailure[]
    }
  /** The complete list, at each change. */
  | {
      readonly type: 'daemons'
      readonly processes: readonly DaemonInfo[]
      readonly failures: readonly DaemonFailure[]
    }
  /** A daemon process is gone; `cause` reads `killed by signal SIGKILL`, `exit status 1`. Comes after the list without it. */
  | { readonly type: 'daemonGone'; readonly id: number; readonly pid: number; readonly cause: string }
  /** Tell about yourself, for the status page. */
  | { readonly type: 'report'; readonly number: number }
  /** What {@link FromWorker} `boardWanted` asked for. */
  | { readonly type: 'board'; readonly number: number; readonly board: Board }
  /** Write the Python stacks of the embedded interpreter's threads to the error log. */
  | { readonly type: 'stacks' }
  /** These log files have been opened anew; their descriptors come over the socket of hand-over.ts. null: open them yourself. */
  | { readonly type: 'reopenLogs'; readonly files: readonly string[] | null }
  /** Stop accepting, finish the requests that are there, then leave. */
  | { readonly type: 'drain' }
  /** Leave now. */
  | { readonly type: 'stop' }

export type FromWorker =
  /** Accepts connections. */
  | { readonly type: 'ready' }
  /** Could not start; the worker exits after this. */
  | { readonly type: 'failed'; readonly message: string }
  /** Has served as many connections as it should: wants to be replaced, and goes on until it is told to drain. */
  | { readonly type: 'retiring' }
  /** An application group of a Python without sub-interpreters has no process yet. */
  | { readonly type: 'needProcess'; readonly group: string; readonly applicationGroup: string }
  /** Somebody looks at the status page; the number is the worker's own. */
  | { readonly type: 'boardWanted'; readonly number: number }
  | { readonly type: 'report'; readonly number: number; readonly report: WorkerReport }
  /** Daemon process `id` refuses requests: treat it as draining. */
  | { readonly type: 'retired'; readonly id: number }
