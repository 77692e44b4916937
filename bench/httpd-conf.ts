/**
 * The configuration that this server and Apache are measured with: a virtual host, access rules, an access log.
 */
import type { Setting } from './servers.js'

export interface HttpdOptions {
  /** Without it the application is embedded. */
  readonly daemon?: { readonly processes?: number; readonly threads: number }
  /** A second port that speaks TLS. */
  readonly tls?: boolean
  /** Virtual hosts, aliases of each and directory sections of each, as large providers have them. */
  readonly hosts?: { readonly count: number; readonly each: number }
}

/** The host that requests are for where there are several: the last one. */
export function lastHost(count: number): string {
  return `host${count}.example.com`
}

export function httpdConf(setting: Setting, options: HttpdOptions, own: string): string {
  const { dir, app, port, tlsPort, certificate, key } = setting
  const { daemon, tls = false, hosts } = options
  const group = daemon === undefined ? '' : ' process-group=hello application-group=%{GLOBAL}'
  const host = (name: string, at: number, more = '') => `<VirtualHost *:${at}>
  ServerName ${name}
  CustomLog "${dir}/access.log" combined
  Alias /static "${app}/static"
  WSGIScriptAlias / "${app}/hello.py"${group}
  <Directory "${app}">
    Require all granted
  </Directory>
${more}</VirtualHost>
`
  const many = Array.from({ length: hosts?.count ?? 0 }, (_, at) => {
    const name = lastHost(at + 1)
    const parts = Array.from(
      { length: hosts?.each ?? 0 },
      (_, part) => `  Alias /files${part} "${app}/static"
  <Directory "/srv/${name}/part${part}">
    Require all granted
    Options -Indexes
  </Directory>
`,
    )
    return host(name, port, parts.join(''))
  })
  return `ServerRoot "${dir}"
ServerName localhost
Listen 127.0.0.1:${port}
${tls ? `Listen 127.0.0.1:${tlsPort}` : ''}
PidFile "${dir}/httpd.pid"
DefaultRuntimeDir "${dir}/run"
ErrorLog "${dir}/error.log"
${own}
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
MaxKeepAliveRequests 0
KeepAliveTimeout 120
LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
${daemon === undefined ? 'WSGIApplicationGroup %{GLOBAL}' : `WSGIDaemonProcess hello processes=${daemon.processes ?? 1} threads=${daemon.threads}`}
<Directory />
  Require all denied
</Directory>
${host('localhost', port)}
${tls ? host('localhost', tlsPort, `  SSLEngine on\n  SSLCertificateFile "${certificate}"\n  SSLCertificateKeyFile "${key}"\n`) : ''}
${many.join('')}`
}
