/**
 * `explain`: what would become of a request, and why.
 */
import { textOf } from '../../config/text.js'
import { listenSettings } from '../../modules/core/settings.js'
import { type Configuration, readConfiguration } from '../../server/configuration.js'
import { describeIdentity, dropPrivileges } from '../../server/privileges.js'
import { asBytes, configurationSource, PROGRAM } from '../configuration.js'
import { parseFlags } from '../flags.js'
import type { Terminal } from '../terminal.js'
import { ask } from './ask.js'
import { type AskedQuestion, EXPLAIN_USAGE, type Question, readQuestion } from './question.js'
import { reportText } from './report.js'

/**
 * @returns 0 when the request was explained, whatever its answer; 1 where the configuration has faults
 * @throws UsageError
 */
export async function explain(words: readonly string[], terminal: Terminal): Promise<number> {
  if (words.includes('--help') || words.includes('-h')) {
    terminal.out(EXPLAIN_USAGE)
    return 0
  }
  const { question, flags } = readQuestion(words)
  const configuration = readConfiguration(configurationSource(parseFlags(flags), terminal), (text) =>
    terminal.err(`${textOf(text)}\n`),
  )
  if (configuration === undefined) return 1
  becomeServer(configuration, terminal)
  const { site, daemons } = configuration
  const listens = site.main.settings.get(listenSettings).addresses
  const asked = askedOf(question, listens[0]?.port ?? 80)
  terminal.out(textOf(reportText(asked, await ask(site, asked), { listens, daemons })))
  return 0
}

/** What server workers cannot read is refused: root would see another answer. */
function becomeServer({ frontUser }: Configuration, { err }: Terminal): void {
  if (frontUser === null) return
  try {
    dropPrivileges(frontUser)
  } catch (error) {
    err(
      `${PROGRAM}: warning: answered with the rights of root, since it cannot become ${describeIdentity(frontUser)}: ${(error as Error).message}\n`,
    )
  }
}

/** @param defaultPort where only a path was given */
function askedOf(question: Question, defaultPort: number): AskedQuestion {
  const { host, port = defaultPort, target, headers } = question
  return { ...question, port, host: asBytes(host), target: asBytes(target), headers: headers.map(asBytes) }
}
