/** An upload as large as people make them, to the Django application of fixtures/frameworks/large.wsgi. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const MEGABYTE = 1024 * 1024
export const UPLOAD_MB = 200

const HEAD = `--x\r\nContent-Disposition: form-data; name="file"; filename="x.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`
const TAIL = '\r\n--x--\r\n'

/** Sends {@link UPLOAD_MB} as a file in a form; Django must have had every byte, and kept them in a file. */
export async function uploadToDjango(port: number, place: string): Promise<void> {
  const block = Buffer.alloc(MEGABYTE, 'upload ')
  const digest = createHash('md5')
  for (let index = 0; index < UPLOAD_MB; index++) digest.update(block)
  const answered = new Promise<string>((resolve, reject) => {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path: place,
      method: 'POST',
      agent: false,
      headers: {
        'Content-Type': 'multipart/form-data; boundary=x',
        'Content-Length': String(HEAD.length + UPLOAD_MB * MEGABYTE + TAIL.length),
      },
    })
    outgoing.once('error', reject)
    outgoing.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece) => (text += piece))
      response.once('end', () => resolve(text))
    })
    function* parts(): Generator<Buffer> {
      yield Buffer.from(HEAD)
      for (let index = 0; index < UPLOAD_MB; index++) yield block
      yield Buffer.from(TAIL)
    }
    pipeline(Readable.from(parts()), outgoing).catch(reject)
  })
  assert.deepEqual(JSON.parse(await answered), {
    size: UPLOAD_MB * MEGABYTE,
    digest: digest.digest('hex'),
    kind: 'TemporaryUploadedFile',
  })
}
