/** The yardstick: `node:http` answering by itself, without any Python. */
import { createServer } from 'node:http'

const BODY = 'Hello, world!\n'

createServer((_, response) => {
  response.writeHead(200, ['Content-Type', 'text/plain', 'Content-Length', String(BODY.length)])
  response.end(BODY)
}).listen(Number(process.argv[2]), '127.0.0.1')
