/** Flags as mod_wsgi reads them: in other words than httpd does. */
import { type Command, type Directive, take1 } from '../../config/directive.js'

/** The argument of an `On|Off` directive of mod_wsgi. */
export function onOff(apply: (cmd: Command, on: boolean) => void): Pick<Directive, 'args' | 'apply'> {
  return take1((cmd, word) => {
    if (!/^(on|off)$/i.test(word)) cmd.fail(`${cmd.name} must be one of: Off | On`)
    apply(cmd, word.toLowerCase() === 'on')
  })
}
