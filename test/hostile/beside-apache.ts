/**
 * The corpus of hostile requests against the Apache httpd of the machine: where its answers are others than ours, {@link APART} says why. A part of
 * `npm run conformance:apache`; alone with `-- --hostile`.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { loadModules, withApache } from '../conformance/apache-server.js'
import { preamble } from '../conformance/preamble.js'
import { freePorts } from '../support/server.js'
import { APART } from './apart.js'
import { CORPUS } from './corpus.js'
import { exchange, inTurns, statuses } from './wire.js'

/** Prints what is not explained. @returns whether there was nothing to print */
export async function compareHostile(): Promise<boolean> {
  const [port = 0] = await freePorts(1)
  const load = loadModules(['mpm_event', 'authz_core', 'mime', 'reqtimeout', 'alias', 'dir', 'autoindex'])
  const configure = (root: string): string => {
    mkdirSync(path.join(root, 'htdocs'), { recursive: true })
    writeFileSync(path.join(root, 'htdocs', 'a.txt'), 'hello')
    return preamble(root, [port], 'localhost', '/etc/mime.types')
  }
  const unexpected: string[] = []
  let apart = 0
  await withApache(load, configure, async () => {
    const tasks = CORPUS.map(([name, text, ...ours]) => async () => {
      const bytes = Buffer.from(text, 'latin1')
      // what Apache waits for never comes
      const theirs = statuses(await exchange(port, bytes, bytes.length, true)).join(' ')
      const known = APART[name]
      if (theirs === ours.join(' ')) {
        if (known !== undefined) unexpected.push(`NO DIFFERENCE ANY MORE  ${name}`)
      } else if (known?.[0] === theirs) apart++
      else unexpected.push(`NOT EXPLAINED  ${name}: apache ${theirs || 'nothing'}, here ${ours.join(' ')}`)
    })
    await inTurns(tasks)
  })
  for (const line of unexpected) console.log(line)
  console.log(
    `${CORPUS.length} hostile requests; ${apart} known differences, ${unexpected.length} unexpected`,
  )
  return unexpected.length === 0
}
