/** From the WSGI directives to how a process's Python is started. Pure. */
import type { WsgiMain } from '../modules/wsgi/settings.js'
import type { StartOptions } from '../python/start.js'
import { isFreeThreaded } from './interpreter-options.js'

/** @param processGroup Name of the process's group, `''` for embedded Python. */
export function startOptions(wsgi: WsgiMain, processGroup: string): StartOptions {
  return {
    optimize: wsgi.pythonOptimize,
    dontWriteBytecode: wsgi.dontWriteBytecode,
    warnings: wsgi.pythonWarnings,
    hashSeed: wsgi.pythonHashSeed,
    py3kWarning: wsgi.py3kWarningFlag,
    freeThreading: isFreeThreaded(wsgi.interpreterLayers, processGroup, wsgi.freeThreading),
  }
}
