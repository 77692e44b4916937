/**
 * The configuration that Debian's packages apache2 and libapache2-mod-wsgi-py3 bring: a copy of /etc/apache2 where they are installed, else
 * taken out of the downloaded packages, with the modules enabled that their installation scripts enable.
 */
import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { cacheDirectory } from '../support/cache.js'

const run = promisify(execFile)
const INSTALLED = '/etc/apache2'
const PACKAGES = ['apache2', 'libapache2-mod-wsgi-py3']
const DOWNLOAD_TIMEOUT_MS = 120_000

/** What the packages' installation scripts enable, as `a2enmod`, `a2enconf` and `a2ensite` do. */
const ENABLED = {
  mods: [
    ...['access_compat', 'alias', 'auth_basic', 'authn_core', 'authn_file', 'authz_core', 'authz_host'],
    ...['authz_user', 'autoindex', 'deflate', 'dir', 'env', 'filter', 'mime', 'mpm_event', 'negotiation'],
    ...['reqtimeout', 'setenvif', 'status', 'wsgi'],
  ],
  conf: ['charset', 'localized-error-pages', 'other-vhosts-access-log', 'security', 'serve-cgi-bin'],
  sites: ['000-default'],
}

export type Tree = { readonly folder: string } | { readonly skip: string }

/** Where a pristine tree is (to be copied, not written to), or why there is none; under `CI=true` it throws instead of the latter. */
export async function debianTree(): Promise<Tree> {
  if (
    existsSync(path.join(INSTALLED, 'apache2.conf')) &&
    existsSync(path.join(INSTALLED, 'mods-enabled', 'wsgi.load'))
  )
    return { folder: INSTALLED }
  const folder = path.join(cacheDirectory(), 'debian-apache2')
  if (existsSync(folder)) return { folder }
  try {
    await download(folder)
    return { folder }
  } catch (error) {
    const reason = `no configuration of Debian's apache2 packages: not installed, and not to be downloaded (${firstLine(error)})`
    if (process.env.CI === 'true') throw new Error(reason, { cause: error })
    return { skip: reason }
  }
}

async function download(target: string): Promise<void> {
  const work = mkdtempSync(`${target}-`)
  try {
    await run('apt-get', ['download', ...PACKAGES], { cwd: work, timeout: DOWNLOAD_TIMEOUT_MS })
    for (const file of readdirSync(work).filter((name) => name.endsWith('.deb')))
      await run('dpkg-deb', ['-x', file, 'tree'], { cwd: work })
    const folder = path.join(work, 'tree', 'etc', 'apache2')
    enable(folder)
    if (!existsSync(target)) renameSync(folder, target)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function enable(folder: string): void {
  for (const [kind, names] of Object.entries(ENABLED)) {
    mkdirSync(path.join(folder, `${kind}-enabled`), { recursive: true })
    const available = readdirSync(path.join(folder, `${kind}-available`))
    for (const name of available.filter((file) => names.includes(file.replace(/\.(load|conf)$/, ''))))
      symlinkSync(`../${kind}-available/${name}`, path.join(folder, `${kind}-enabled`, name))
  }
}

/** Copies the tree as `cp -a` does: links stay links. */
export function copyTree(from: string, to: string): void {
  cpSync(from, to, { recursive: true, verbatimSymlinks: true })
}

function firstLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string }
  return (stderr || message).trim().split('\n')[0] ?? ''
}
