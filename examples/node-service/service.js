/**
 * A Node service with a Python application beside its own routes. In a checkout: `npm run build && node examples/node-service/service.js`.
 * Variables: PORT (8000; 0: any that is free), PYTHON (an executable or a virtual environment).
 */
import { createServer } from 'node:http'
import { mount } from 'wsgi-httpd'

const app = await mount({
  application: new URL('./app.wsgi', import.meta.url),
  mountPoint: '/python',
  python: process.env.PYTHON,
  processes: 2,
  env: { GREETING: 'Hello from Python' },
})

const server = createServer((request, response) => {
  if (request.url === '/health') {
    const { active, waiting, processes, failure } = app.status()
    response.statusCode = failure === undefined ? 200 : 503
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ active, waiting, processes: processes.length, failure }))
    return
  }
  // everything below /python is the application's
  app.handler(request, response, () => response.writeHead(200).end('Hello from Node\n'))
})
server.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}/`)
})

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    server.close()
    server.closeIdleConnections()
    await app.close()
  })
}
