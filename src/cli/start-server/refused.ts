/**
 * Options of mod_wsgi-express that are not options here. Each is refused by name: a limit or a guard that silently does nothing would be
 * worse than none.
 */

/** The server lacks what they ask for. */
export const NOT_YET: ReadonlySet<string> = new Set(
  `debug-mode enable-debugger debugger-startup enable-coverage coverage-directory
  enable-profiler profiler-directory enable-recorder recorder-directory enable-gdb gdb-executable`
    .split(/\s+/)
    .filter(Boolean),
)

/** They have no meaning here, and why. */
export const NOT_OURS: Readonly<Record<string, string>> = {
  'enable-telemetry': 'there is no page for telemetry; name a receiver with --telemetry-service',
  'telemetry-ui-port': 'there is no page for telemetry; name a receiver with --telemetry-service',
  'rewrite-rules':
    'requests do not go through the document root first; rules for the whole server can be put into an --include-file',
  'server-mpm': 'there is one kind of server process',
  'httpd-executable': 'there is no other server program',
  'modules-directory': 'all modules are part of the program',
  'shell-executable': 'no shell is used',
  'socket-prefix': 'sockets are kept in a private directory',
  'verbose-debugging': 'use --log-level debug',
  'initial-workers': 'server processes are not started and ended with the load',
  'minimum-spare-workers': 'server processes are not started and ended with the load',
  'maximum-spare-workers': 'server processes are not started and ended with the load',
  'with-cgi': 'CGI programs are not run',
  'with-php5': 'there is no PHP',
  'enable-docs': 'the documentation is in the folder docs of the package',
}
