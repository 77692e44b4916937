/** A client that behaves as a browser does where it matters to applications: it names a host, keeps cookies and sends forms. */
import { type Answer, ask } from '../support/http.js'

/** The first request of all may have to wait until a framework is imported, on a busy machine. */
const PATIENCE_MS = 60_000

export class Browser {
  readonly #cookies = new Map<string, string>()

  constructor(
    readonly port: number,
    readonly host = 'localhost',
  ) {}

  get(path: string): Promise<Answer> {
    return this.#send(path, {})
  }

  /** Sends a form as browsers do by default. */
  post(path: string, fields: Readonly<Record<string, string>>): Promise<Answer> {
    return this.#send(path, {
      method: 'POST',
      body: new URLSearchParams(fields).toString(),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: `http://${this.#authority}` },
    })
  }

  /** Sends a form with one file in it. */
  upload(path: string, field: string, content: Buffer): Promise<Answer> {
    const boundary = 'acceptance-boundary'
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${field}"; filename="x.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`
    return this.#send(path, {
      method: 'POST',
      body: Buffer.concat([Buffer.from(head), content, Buffer.from(`\r\n--${boundary}--\r\n`)]),
      headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` },
    })
  }

  cookie(name: string): string | undefined {
    return this.#cookies.get(name)
  }

  get #authority(): string {
    return `${this.host}:${this.port}`
  }

  async #send(path: string, options: Parameters<typeof ask>[2]): Promise<Answer> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await ask(this.port, path, {
      timeoutMs: PATIENCE_MS,
      ...options,
      headers: { Host: this.#authority, ...(cookie === '' ? {} : { Cookie: cookie }), ...options?.headers },
    })
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (name !== undefined && value !== undefined) this.#cookies.set(name, value)
    }
    return answer
  }
}
