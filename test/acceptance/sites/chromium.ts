/** Debian's chromium without a window: what a real browser makes of a page. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { isRoot } from '../../support/cache.js'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']
const PATIENCE_MS = 60_000
/** Milliseconds of its own time that the browser lets scripts and pictures have. */
const SCRIPTS_MS = 3000

const program = (process.env.PATH ?? '')
  .split(':')
  .flatMap((folder) => NAMES.map((name) => path.join(folder, name)))
  .find((file) => existsSync(file))

export const skipWithoutChromium: string | false =
  program === undefined ? 'no chromium on this machine' : false

export class Chromium {
  readonly #profile = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-chromium-'))

  /** The document as it is once its scripts have run, as HTML. Certificates are not checked. */
  async documentOf(url: string): Promise<string> {
    const { stdout } = await this.#run('--dump-dom', `--virtual-time-budget=${SCRIPTS_MS}`, url)
    return stdout
  }

  /** A picture of the page, as PNG, for a person to look at. */
  async screenshot(url: string, file: string, size = '1000,800'): Promise<void> {
    await this.#run(`--screenshot=${file}`, `--window-size=${size}`, '--hide-scrollbars', url)
  }

  close(): void {
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 })
  }

  #run(...words: string[]): Promise<{ stdout: string }> {
    const common = [
      '--headless',
      '--disable-gpu',
      '--ignore-certificate-errors',
      '--no-first-run',
      '--disable-sync',
    ]
    // Its sandbox does not start for root.
    const sandbox = isRoot ? ['--no-sandbox'] : []
    const options = { timeout: PATIENCE_MS, maxBuffer: 16 * 1024 * 1024 }
    return promisify(execFile)(
      program as string,
      [...common, ...sandbox, `--user-data-dir=${this.#profile}`, ...words],
      options,
    )
  }
}
