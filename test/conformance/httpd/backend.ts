/**
 * What proxied requests come to: a server that tells what it was sent, with a few paths that answer in a way of their own.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { freePorts } from '../../support/server.js'

/** @param use Is given the port of the server, and one where nobody listens. */
export async function withBackend<T>(use: (port: number, nobody: number) => Promise<T>): Promise<T> {
  const server = createServer(answer)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  const [nobody = 0] = await freePorts(1)
  try {
    return await use(port, nobody)
  } finally {
    server.closeAllConnections()
    await new Promise<void>((closed) => server.close(() => closed()))
  }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { port } = request.socket.address() as AddressInfo
  const own = `http://127.0.0.1:${port}`
  response.sendDate = false
  const url = request.url ?? ''
  if (url.includes('/moved')) {
    response.writeHead(302, {
      Location: `${own}/there`,
      'Set-Cookie': 'a=b; path=/there; domain=backend.test',
    })
    response.end()
  } else if (url.includes('/teapot')) {
    response.writeHead(418, { 'Content-Type': 'text/plain' })
    response.end('short and stout\n')
  } else if (url.includes('/missing')) {
    response.writeHead(404, { 'Content-Type': 'text/plain' })
    response.end('not in the backend\n')
  } else if (url.includes('/who')) {
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="backend"', 'Content-Type': 'text/plain' })
    response.end('who are you\n')
  } else if (url.includes('/unasked')) {
    response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\n')
  } else if (url.includes('/deep-cookie')) {
    response.writeHead(200, {
      'Set-Cookie': 'a=b; path=/there/below; domain=backend.test',
      'Content-Length': '0',
    })
    response.end()
  } else if (url.includes('/headers')) {
    response.writeHead(200, 'Fine', {
      Server: 'backend/1',
      'X-Back': ['one', 'two'],
      Connection: 'X-Hop',
      'X-Hop': 'mine',
      'Content-Location': `${own}/headers`,
      'Content-Length': '3',
    })
    response.end('ok\n')
  } else echo(request, response)
}

/** The request line and header, sorted, and the body. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  let body = ''
  request.setEncoding('latin1')
  request.on('data', (text) => {
    body += text
  })
  request.on('end', () => {
    const fields: string[] = []
    for (let at = 0; at < request.rawHeaders.length; at += 2)
      fields.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`)
    const kept = fields.filter((field) => !/^(connection|x-case|keep-alive):/i.test(field))
    const lines = kept.sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
    const text = `${request.method} ${request.url}\n${lines.join('\n')}\n${body}`
    response.writeHead(200, {
      'Content-Type': 'text/plain',
      'Content-Length': Buffer.byteLength(text, 'latin1'),
    })
    response.end(text, 'latin1')
  })
}
