/** Large bodies both ways: CPU for each MiB, and the most memory that was seen. */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { upload, wrk } from '../load.js'
import type { Running } from '../running.js'
import type { Sample, Scenario } from '../scenario.js'
import * as servers from '../servers.js'

const MIB = 1 << 20
const CONNECTIONS = 8

async function download(running: Running, path: string, seconds: number) {
  const { result, microseconds, peakKiB } = await running.cost(() =>
    wrk(running.url(path), { seconds, connections: CONNECTIONS }),
  )
  return { each: (microseconds / result.bytes) * MIB, peakKiB }
}

async function send(running: Running, mib: number) {
  const { result, microseconds, peakKiB } = await running.cost(() =>
    upload(running.port, '/upload', mib * MIB, running),
  )
  if (!result.includes(String(mib * MIB))) throw new Error(`/upload answered ${result.slice(0, 100)}`)
  return { each: microseconds / mib, peakKiB }
}

export const bodies: Scenario = {
  name: 'bodies',
  title: 'Large bodies',
  about: `1 MiB in blocks of 16 KiB, 10 MiB through \`wsgi.file_wrapper\`, a static file of 100 MiB, with ${CONNECTIONS} connections; one upload of 1 GiB (with --quick, 256 MiB). CPU microseconds for each MiB; memory is the proportional share of all processes, before any of it and the most that was seen.`,
  servers: [
    ...[servers.OURS_15, servers.OURS_EMBEDDED, servers.APACHE_DAEMON, servers.APACHE_EMBEDDED],
    ...[servers.NGINX, servers.UWSGI_THREADS, servers.GUNICORN_THREADS, servers.WAITRESS],
    ...[servers.CHEROOT, servers.GRANIAN],
  ],
  columns: [
    { key: 'blocks', title: 'blocks, µs/MiB' },
    { key: 'file', title: 'file_wrapper, µs/MiB' },
    { key: 'static', title: 'static, µs/MiB' },
    { key: 'upload', title: 'upload, µs/MiB' },
    { key: 'idle', title: 'memory before, MiB' },
    { key: 'peak', title: 'most memory, MiB' },
  ],
  rounds: [2, 1],
  async begin({ app }) {
    writeFileSync(join(app, 'file.bin'), Buffer.alloc(10 * MIB, 'f'))
    mkdirSync(join(app, 'static'), { recursive: true })
    const fd = openSync(join(app, 'static/large.bin'), 'w')
    ftruncateSync(fd, 100 * MIB)
    closeSync(fd)
    return { end: async () => {} }
  },
  async measure(running, { seconds, quick }, server): Promise<Sample> {
    const idle = running.memory()
    const get = (path: string) =>
      running.attempt(path, async () => {
        await download(running, path, 1)
        return download(running, path, seconds)
      })
    const blocks = await get('/blocks')
    const file = await get('/file')
    const fixed = server.static ? await get('/static/large.bin') : undefined
    const sent = await running.attempt('upload', () => send(running, quick ? 256 : 1024))
    const peaks = [blocks, file, sent, fixed].map((one) => one?.peakKiB ?? 0)
    return {
      ...(blocks && { blocks: blocks.each }),
      ...(file && { file: file.each }),
      ...(fixed && { static: fixed.each }),
      ...(sent && { upload: sent.each }),
      idle: idle / 1024,
      peak: Math.max(...peaks) / 1024,
    }
  },
}
