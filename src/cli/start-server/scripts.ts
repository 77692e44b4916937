/** The small scripts that stand beside a generated httpd.conf. Pure. */
import { shellWord } from './text.js'

/** The script that stands for `--application-type module`: imports the module and names its application. */
export function generateModuleScript(moduleName: string, callable: string): string {
  return `# Written by wsgi-httpd: serves an application that is imported by name.
import importlib

application = getattr(importlib.import_module(${JSON.stringify(moduleName)}), ${JSON.stringify(callable)})
`
}

/** `apachectl` of a generated server: start, stop, restart, graceful, graceful-stop, configtest, status. */
export function generateControlScript(node: string, launcher: string, configFile: string): string {
  const [program, script, file] = [node, launcher, configFile].map(shellWord)
  return `#!/bin/sh
# Controls the server of ${configFile.replaceAll('\n', ' ')}: start, stop, restart, graceful, graceful-stop, configtest, status.
if [ $# -eq 0 ]; then
    echo "Usage: $0 start|stop|restart|graceful|graceful-stop|configtest|status" >&2
    exit 1
fi
command=$1
shift
exec ${program} ${script} "$command" -f ${file} "$@"
`
}

/** `envvars`, which is read before the configuration is: `--envvars-script`. */
export function generateEnvironmentScript(script: string): string {
  return `# Written by wsgi-httpd.\n. ${shellWord(script)}\n`
}
