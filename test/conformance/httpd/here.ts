/**
 * The answers of wsgi-httpd to all questions.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { withServer } from '../../support/server.js'
import { type Answers, askServer, readLogs } from './ask.js'
import { withBackend } from './backend.js'
import type { HttpdCase } from './case.js'
import { checkHere } from './check.js'
import { type Place, writeSite } from './site.js'

export async function answersOfHere(cases: readonly HttpdCase[]): Promise<Answers> {
  return await withBackend(async (backend, nobody) => {
    let place: Place | undefined
    let answers: Answers | undefined
    await withServer(
      {
        bare: true,
        conf: 'WSGIPythonHome "${PYTHON}"\nInclude "${ROOT}/cases.conf"\n# ${PORT} ${PORT2}\n',
        prepare: ({ root, ports: [port = 0, port2 = 0] }) => {
          place = { root, port, port2, backend, nobody }
          writeSite(cases, place)
        },
      },
      async (server) => {
        if (place === undefined) return
        answers = await askServer(cases, place)
        // Its logs are complete once it has gone.
        await server.stop()
        readLogs(answers, place)
      },
    )
    if (answers === undefined || place === undefined) throw new Error('no server')
    addChecks(answers, { ...place, root: mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-check-')) })
    return answers
  })
}

/** Configurations that are only read. */
function addChecks(answers: Answers, place: Place): void {
  const { root } = place
  try {
    writeSite([...answers.keys()], place)
    writeFileSync(path.join(root, 'case.log'), '')
    for (const [one, told] of answers)
      for (const { kind, title, text } of one.questions)
        if (kind === 'check') told.set(title, checkHere(one, text, place))
  } finally {
    if (existsSync(root)) rmSync(root, { recursive: true })
  }
}
