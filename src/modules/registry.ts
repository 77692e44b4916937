/**
 * The directives and modules of this server, by name. Importing this fails where two modules declare one name.
 */
import { modules } from './index.js'
import { ModuleRegistry } from './module-registry.js'

export const vocabulary = new ModuleRegistry(modules)
