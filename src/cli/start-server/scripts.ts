/** The small scripts that stand beside a generated httpd.conf. Pure. */
import { shellWord } from './text.js'

/** The script that stands for `--application-type module`: imports the module and names its application. */
export function generateModuleScript(moduleName: string, callable: string): string {
  return `# Written by wsgi-httpd: serves an application that is imported by name.
import importlib

application = getattr(importlib.import_module(${JSON.stringify(moduleName)}), ${JSON.stringify(callable)})
`
}

/** The script that hands files by their extension to the scripts of `--add-handler`. Python reads JSON's texts as its own. */
export function generateHandlerScript(handlers: readonly { extension: string; script: string }[]): string {
  const scripts = Object.fromEntries(handlers.map(({ extension, script }) => [extension, script]))
  return `# Written by wsgi-httpd: hands files of the document root to scripts, by their extension.
import os

SCRIPTS = ${JSON.stringify(scripts, null, 4)}


def load(path):
    found = {"__name__": "__wsgi__", "__file__": path}
    # Bytes: the script itself may say how they are encoded.
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec"), found)
    return os.path.getmtime(path), found.get("handle_request") or found["application"]


LOADED = dict((extension, load(path)) for extension, path in SCRIPTS.items())


def extension_of(resource):
    # As for AddHandler: a file may have several, and the last one counts.
    parts = os.path.basename(resource).split(".")[1:]
    return ["." + part for part in parts if "." + part in SCRIPTS][-1]


def handle_request(environ, start_response):
    return LOADED[extension_of(environ["SCRIPT_FILENAME"])][1](environ, start_response)


def reload_required(resource):
    extension = extension_of(resource)
    return os.path.getmtime(SCRIPTS[extension]) != LOADED[extension][0]
`
}

/** `apachectl` of a generated server: start, stop, restart, graceful, graceful-stop, reopen-logs, configtest, status. */
export function generateControlScript(node: string, launcher: string, configFile: string): string {
  const [program, script, file] = [node, launcher, configFile].map(shellWord)
  return `#!/bin/sh
# Written by wsgi-httpd: controls the server of ${configFile.replaceAll('\n', ' ')}: start, stop, restart, graceful, graceful-stop, reopen-logs, configtest, status.
if [ $# -eq 0 ]; then
    echo "Usage: $0 start|stop|restart|graceful|graceful-stop|reopen-logs|configtest|status" >&2
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
