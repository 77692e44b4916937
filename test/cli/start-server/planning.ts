/** Plans of `start-server` without a machine: files have an ending, all else is a directory. */
import { parseOptions } from '../../../src/cli/start-server/parse.js'
import { makePlan, type Plan } from '../../../src/cli/start-server/plan.js'
import type { Surroundings } from '../../../src/cli/start-server/surroundings.js'

export const AROUND: Surroundings = {
  cwd: '/home/x',
  uid: 1000,
  temporary: '/tmp',
  locale: 'de_DE.UTF-8',
  share: '/opt/share',
  groupOf: () => '#33',
  kindOf: (file) => (/\.\w+$/.test(file) ? 'file' : 'directory'),
  isExecutable: () => true,
  program: (name) => `/usr/bin/${name}`,
  hasLocale: (name) => name === 'de_DE.UTF-8',
}

export function plan(words: string[], around: Partial<Surroundings> = {}): Plan {
  return makePlan(parseOptions(words, {}), { ...AROUND, ...around })
}
