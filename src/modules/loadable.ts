/**
 * What `LoadModule` answers for modules that are not carried. Every line is accepted and no file is opened: an `/etc/apache2` tree of another
 * machine can be read.
 */
import type { LoadedModule } from '../config/vocabulary.js'
import { elsewhereModules } from './elsewhere.js'

/** Modules that serve other modules of httpd or its process model: nothing is missing without them. */
const UNNEEDED = new Set(
  `mpm_prefork mpm_worker mpm_itk systemd watchdog slotmem_plain slotmem_shm
   socache_dbm socache_dc socache_memcache socache_redis socache_shmcb
   lbmethod_bybusyness lbmethod_byrequests lbmethod_bytraffic lbmethod_heartbeat
   heartbeat heartmonitor cgid_sock policy data`
    .split(/\s+/)
    .map((name) => `${name}_module`),
)

/** Known ones that have no directives, so that the table in `elsewhere.ts` does not name them. */
const WITHOUT_DIRECTIVES = `asis cgi dumpio proxy_ajp proxy_balancer proxy_fdpass proxy_http2 proxy_uwsgi
  ratelimit unique_id ldap apreq php5 php7`
  .split(/\s+/)
  .map((name) => `${name}_module`)

const KNOWN = new Set([
  ...elsewhereModules().map((name) => `${name.replace(/^mod_/, '')}_module`),
  ...WITHOUT_DIRECTIVES,
])

/** For a module that is not carried. */
export function notCarried(id: string): LoadedModule {
  if (UNNEEDED.has(id)) return { kind: 'unneeded' }
  return KNOWN.has(id) ? { kind: 'missing', name: `mod_${id.replace(/_module$/, '')}` } : { kind: 'unknown' }
}
