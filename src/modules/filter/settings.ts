/** What `AddOutputFilterByType` sets, and whether any filter is asked for. */
import { settingsKey } from '../../config/settings.js'
import type { Request } from '../../request/request.js'
import { coreDir } from '../core/settings.js'

interface FilterDir {
  /** Names of filters, upper case, by media type: lower case, without parameters. */
  readonly outputByType: ReadonlyMap<string, readonly string[]>
}

export const filterDir = settingsKey<FilterDir>('filter', { outputByType: new Map() }, (base, added) => ({
  outputByType: new Map([...(base.outputByType ?? []), ...(added.outputByType ?? [])]),
}))

/** Whether any filter is asked for where the request leads to; which of them acts shows when the response's type is known. */
export function hasOutputFilters({ dir, extensionFilters }: Request): boolean {
  return (
    dir.get(coreDir).outputFilters.length > 0 ||
    dir.get(filterDir).outputByType.size > 0 ||
    extensionFilters.length > 0
  )
}
