/** Shows that one trouble does not spread: another place of the same server answers all the while, soon and rightly. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../support/http.js'

/** Between two requests; often enough to notice a stop of a tenth of a second. */
const PAUSE_MS = 25
/** Two busy cores may make anybody wait, but not as long as somebody who hangs. */
const LATE_MS = 25_000

/** Two mounts that are always well: one in a daemon process group of its own, and one that the server answers without Python. */
export const WELL = `WSGIDaemonProcess well threads=2
WSGIScriptAlias /well "\${ROOT}/apps/well.wsgi" process-group=well application-group=%{GLOBAL}
Alias /file "\${ROOT}/htdocs/file.txt"
`

export const WELL_APP = `
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'well']
`

export const WELL_FILES = { 'htdocs/file.txt': 'a file' }

/** Runs `trouble` while {@link WELL} is asked again and again; fails with the first answer that is wrong or late. */
export async function whileOthersAnswer<T>(port: number, trouble: () => Promise<T>): Promise<T> {
  let over = false
  const others = (async () => {
    do {
      for (const [place, expected] of [
        ['/well', 'well'],
        ['/file', 'a file'],
      ] as const) {
        const { status, text } = await ask(port, place, { timeoutMs: LATE_MS })
        assert.equal(status, 200, `${place} meanwhile`)
        assert.equal(text, expected, `${place} meanwhile`)
      }
      await sleep(PAUSE_MS)
    } while (!over)
  })()
  // Whichever fails first says why; the other one's failure follows from it.
  others.catch(() => {})
  try {
    return await Promise.race([trouble(), others.then(() => new Promise<never>(() => {}))])
  } finally {
    over = true
    await others
  }
}
