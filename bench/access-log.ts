/**
 * What one line in the `combined` format costs: making it, and handing it to a sink that writes to /dev/null.
 * Run: node build/bench/access-log.js
 */
import { Settings } from '../src/config/settings.js'
import { compileLogFormat } from '../src/log/access-format.js'
import { namesOfRequest } from '../src/log/names.js'
import { stderrLog } from '../src/log/server-log.js'
import { openFileSink } from '../src/log/sink.js'
import { ModuleRegistry } from '../src/modules/module-registry.js'
import { Request } from '../src/request/request.js'

import { incomingOf, outgoingOf } from '../test/support/messages.js'

const LINES = 1_000_000
const COMBINED = '%h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"'

const connection = {
  id: 'c',
  remoteAddress: '192.0.2.1',
  remotePort: 5060,
  localAddress: '192.0.2.9',
  localPort: 80,
  secure: false,
  listenerHost: '',
  listenerPort: 80,
  keepalives: 0,
  aborted: false,
}
const server = {
  isVirtual: false,
  index: 0,
  at: { file: '', line: 0 },
  addresses: [],
  settings: new Settings(),
  dir: new Settings(),
  sections: { directory: [], directoryMatch: [], files: [], location: [], proxy: [], if: [] },
  perDirectory: {
    vocabulary: new ModuleRegistry([]),
    environment: {},
    serverRoot: '/',
    defines: {},
    providers: [],
    warnUnsupported: false,
  },
}
const rawHeaders = [
  ...['Host', 'www.example.com', 'Connection', 'keep-alive', 'Accept', '*/*', 'Accept-Encoding', 'gzip, br'],
  ...['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ...['Referer', 'https://www.example.com/list?page=2', 'Cookie', 'session=0123456789abcdef'],
]
// A few requests in turn, so that nothing can be kept from one line to the next.
const requests = Array.from({ length: 64 }, (_, index) => {
  const incoming = incomingOf({ rawHeaders })
  const request = new Request(connection, server, incoming, outgoingOf(), stderrLog())
  request.target = `/articles/${index}?x=1`
  request.bytesSent = 5000 + index
  request.headerBytesSent = 200
  return request
})

function measure(name: string, work: (request: Request) => void): void {
  for (let round = 0; round < 2; round++) {
    const start = process.cpuUsage()
    for (let count = 0; count < LINES; count++) work(requests[count & 63] as Request)
    const { user, system } = process.cpuUsage(start)
    const nanoseconds = ((user + system) * 1000) / LINES
    // the first round lets the compiler warm up
    if (round === 1) console.log(`${name}: ${nanoseconds.toFixed(0)} ns of CPU time per line`)
  }
}

const line = compileLogFormat(COMBINED, namesOfRequest)
let length = 0
measure('format only', (request) => {
  length += line(request).length
})
const sink = openFileSink('/dev/null', () => {})
measure('format and write', (request) => sink.write(`${line(request)}\n`))
sink.close()
if (length === 0) throw new Error('no lines')
